"""Open the studio: `python app.py`. A Hugging Face Space starts the same file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from apvgen.process import wait_calmly

if TYPE_CHECKING:
    from gradio import Blocks

    from apvgen.studio.context import Studio

EXAMPLE = Path(__file__).resolve().parent / "assets" / "example"


def default_projects() -> Path:
    """The folder for projects in the place that this system has for a user's data."""
    from platformdirs import user_data_path

    return user_data_path("apvgen", appauthor=False) / "projects"


def studio(projects: Path) -> Studio:
    """The studio whose projects lie in `projects`."""
    from apvgen.studio.context import Studio
    from apvgen.studio.models import Models
    from apvgen.studio.store import Store

    models = Models()
    return Studio(Store(projects.resolve()), models.animator, models.backbone, EXAMPLE, warm_up=models.warm_up)


def __getattr__(name: str) -> Blocks:
    """`app.demo` is the page, built when it is asked for."""
    if name != "demo":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from apvgen.studio import page

    return page.build(studio(default_projects()))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--host", show_default="127.0.0.1, this machine only", help="Address to listen at; 0.0.0.0 is every one.")
@click.option("--port", type=click.IntRange(1, 65535), show_default="first free from 7860", help="Port to listen at.")
@click.option("--share", is_flag=True, help="Also open a public link through gradio's servers.")
@click.option("--projects", type=click.Path(path_type=Path), show_default="user data", help="Folder of projects.")
def main(host: str | None, port: int | None, share: bool, projects: Path | None) -> None:
    """Open the studio in a local web server."""
    wait_calmly()
    try:
        from apvgen.studio import page
    except ImportError as error:
        from apvgen.doctor import INSTALL, missing_library

        absent = isinstance(error, ModuleNotFoundError)
        sys.exit(f"{error}; {INSTALL}." if absent else missing_library(error))
    try:
        page.serve(studio(projects or default_projects()), host, port, share)
    except OSError as error:
        sys.exit(f"The studio cannot listen at port {port or 'from 7860 on'}: {error}; choose another with --port.")


if __name__ == "__main__":
    main()

"""Run benchmarks by name (all of them without one) and write `benchmarks/results/<name>.json`."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import platform
from datetime import UTC, datetime
from pathlib import Path

import click

import benchmarks
from apvgen.process import wait_calmly

NAMES = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_"))


def machine() -> dict[str, object]:
    """The machine that the figures belong to."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load_average_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--out", type=click.Path(path_type=Path), default=Path(__file__).parent / "results", show_default=True)
def main(names: tuple[str, ...], out: Path) -> None:
    """Measure NAMES, or everything."""
    wait_calmly()
    out.mkdir(parents=True, exist_ok=True)
    for name in names or NAMES:
        before = machine()
        result = {"benchmark": name, "machine": before, **importlib.import_module(f"benchmarks.{name}").run()}
        text = json.dumps(result, indent=2)
        (out / f"{name}.json").write_text(text + "\n", "utf-8")
        click.echo(text)


if __name__ == "__main__":
    main()

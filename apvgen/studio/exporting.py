"""Panel: the pose for another tool, as one download with the photo that goes with it."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import gradio as gr

from apvgen.errors import ApvgenError, InputError
from apvgen.exchange.export import VIDEOS, Format, Source, export
from apvgen.media import content_hash
from apvgen.studio import markup
from apvgen.studio.context import QUIET, Studio, bound

ABOUT = "Render elsewhere: the pose in another tool's format, and the photo cut to match, in one zip."
FORMATS = [
    ("Pose video, as drawn here (.mp4)", "pose-video"),
    ("Pose video for Wan2.2-S2V (.mp4, 16 frames/s, no face)", "wan-s2v"),
    ("OpenPose, 25 body points (.json a frame)", "openpose"),
    ("OpenPose, 18 body points, for ControlNet's tools (.json a frame)", "openpose-coco"),
    ("COCO-WholeBody, 133 points (.npz)", "wholebody"),
    ("EchoMimicV2 (.npy a frame, 24 frames/s)", "echomimic"),
]
SOURCES = [("fitted to the photo, with the talking face", "drawn"), ("as found in the driving motion", "detected")]
NAMES = {"pose-video": "pose.mp4", "wan-s2v": "pose.mp4", "wholebody": "pose.npz"}
"""Of the formats of one file; the others are a folder of that name."""

FOLDER = "pose"
GROUP = {"concurrency_limit": 1, "concurrency_id": "export"}


@dataclass(frozen=True)
class Panel:
    form: gr.Dropdown
    source: gr.Radio
    start: gr.Button
    download: gr.DownloadButton
    status: gr.HTML


def build() -> Panel:
    """Lay out the choices above the buttons."""
    gr.HTML(f'<h2>Export</h2><p class="subdued">{ABOUT}</p>')
    form = gr.Dropdown(FORMATS, value="pose-video", label="Format", elem_id="export-format")
    source = gr.Radio(SOURCES, value="drawn", label="Pose")
    with gr.Row(elem_classes="actions"):
        start = gr.Button("Export", size="md", interactive=False)
        download = gr.DownloadButton("Download", interactive=False, size="md", elem_id="exported")
    return Panel(form, source, start, download, gr.HTML(elem_classes="status"))


def wire(panel: Panel, studio: Studio, opened: gr.Textbox) -> None:
    """Connect the button; `opened` holds the project's name."""
    outputs = [panel.download, panel.status]
    begun = panel.start.click(begin, None, outputs, queue=False, **QUIET)
    begun.then(bound(studio, exported), [opened, panel.form, panel.source], outputs, **GROUP, **QUIET)
    opened.change(emptied, opened, [*outputs, panel.start], queue=False, **QUIET)


def emptied(name: str) -> tuple[gr.DownloadButton, str, gr.Button]:
    """What the panel shows of a project that was just opened, or of none."""
    return gr.DownloadButton(value=None, interactive=False), "", gr.Button(interactive=bool(name))


def begin() -> tuple[gr.DownloadButton, str]:
    """While the work lasts."""
    return gr.DownloadButton(value=None, interactive=False), markup.say("Exporting ...")


def exported(studio: Studio, name: str, form: Format, source: Source) -> tuple[gr.DownloadButton, str]:
    """The zip to download, and what is in it or why there is none."""
    try:
        place, text = make(studio, name, form, source)
    except ApvgenError as error:
        return gr.DownloadButton(value=None, interactive=False), markup.say(studio.sentence(error), "bad")
    return gr.DownloadButton(value=str(place), interactive=True), markup.say(text, "good")


def make(studio: Studio, name: str, form: Format, source: Source) -> tuple[Path, str]:
    """The zip, where gradio may serve it, and what is in it.

    Raises InputError without a project, ProjectError for a damaged one.
    """
    made = studio.store.open(name)
    if made is None:
        raise InputError("There is nothing to export yet; analyse first.")
    with TemporaryDirectory(prefix="apvgen-") as folder:
        out = Path(folder) / "files" / NAMES.get(form, FOLDER)
        done = export(made, form, out, source)
        packed = _packed(out.parent, Path(folder) / f"{form}.zip")
        lent = studio.lend(packed, packed.name, content_hash(packed))
    kind = "pictures" if form in VIDEOS else "poses"
    photo = " and the photo" if done.photo else ""
    return lent, f"{done.frames} {kind}, {float(done.fps):g} a second{photo}, {lent.stat().st_size / 1e6:.1f} MB."


def _packed(folder: Path, out: Path) -> Path:
    """All files below `folder` in one zip, dated alike, so that equal exports are equal."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(str(path.relative_to(folder)))
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    return out

"""Panel: the options, folded away, in plain words with their units."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction

import gradio as gr

from apvgen.config import AlignOptions, Options, Trim
from apvgen.errors import InputError
from apvgen.studio import optional

DRAWN_SIZE = "256 × 384 px, for the drawn characters"
SIZES = {
    "512 × 768 px, portrait (the paper's)": (768, 512),
    "576 × 1024 px, tall portrait": (1024, 576),
    "640 × 640 px, square": (640, 640),
    "1024 × 576 px, landscape": (576, 1024),
    "320 × 512 px, small and quick": (512, 320),
    DRAWN_SIZE: (384, 256),
}
RATES = ["12", "15", "24", "25", "30", "50", "60"]
MODES = [("steady", "stable"), ("turned with the head", "head_pose"), ("as in the paper", "paper")]
TITLE = "Options"
UNTIL = "end, s"
SMOOTHING = "Smoothing of the face's size, in frames"
MODE_HELP = "Steady keeps all of the lips' movement; the paper's way mutes the jaw."
ROTATIONS = [("the dancer's", "driving"), ("the voice model's", "voice"), ("none, straight ahead", "none")]
LENGTHS = [
    ("forward and back again", "ping-pong"),
    ("from the start again", "loop"),
    ("still, on its last frame", "hold"),
]
VOICES = [("built in", "builtin"), ("AniPortrait, if its weights are here", "aniportrait")]
DETECTORS = [("best one installed", "auto"), ("MediaPipe", "mediapipe"), ("DWPose (rtmlib)", "rtmlib")]

_DEFAULT = Options()


@dataclass(frozen=True)
class Panel:
    """The controls, in the order of `chosen`'s arguments, and the drawer that they are in."""

    size: gr.Dropdown
    fps: gr.Dropdown
    length: gr.Dropdown
    motion_from: gr.Number
    motion_to: gr.Textbox
    voice_from: gr.Number
    voice_to: gr.Textbox
    mode: gr.Dropdown
    rotation: gr.Dropdown
    smoothing: gr.Slider
    fit_body: gr.Checkbox
    detector: gr.Dropdown
    voice_model: gr.Dropdown
    isolate_vocals: gr.Checkbox
    person: gr.Number
    seed: gr.Number
    drawer: gr.Accordion

    @property
    def controls(self) -> list[gr.Component]:
        return list(vars(self).values())[:CONTROLS]


CONTROLS = len(fields(Panel)) - 1


def build() -> Panel:
    """Lay the controls out in a closed drawer."""
    with gr.Accordion(TITLE, open=False, elem_id="options") as drawer:
        return Panel(
            gr.Dropdown(list(SIZES), value=_name_of(_DEFAULT.hw), label="Size of the result"),
            gr.Dropdown(RATES, value=str(_DEFAULT.fps), label="Frames a second"),
            gr.Dropdown(LENGTHS, value=_DEFAULT.length, label="If the voice is longer, the motion goes on"),
            *_span("motion"),
            *_span("voice"),
            gr.Dropdown(MODES, value=_DEFAULT.align.mode, label="Face alignment (FDA)", info=MODE_HELP),
            gr.Dropdown(ROTATIONS, value=_DEFAULT.align.head_rotation, label="Head rotation"),
            gr.Slider(0, 10, _DEFAULT.align.smoothing, step=0.5, label=SMOOTHING, info="0 is the paper.", buttons=[]),
            gr.Checkbox(_DEFAULT.align.fit_body, label="Fit the motion to the person's proportions"),
            gr.Dropdown(DETECTORS, value=_DEFAULT.detector, label="Keypoint detector"),
            gr.Dropdown(VOICES, value=_DEFAULT.voice_model, label="Voice to face"),
            gr.Checkbox(_DEFAULT.isolate_vocals, label="Take the voice out of music and noise first (needs Demucs)"),
            gr.Number(
                _DEFAULT.person,
                precision=0,
                minimum=0,
                label="Person to follow",
                info="0 is the largest in the video, 1 the next; after the analysis they are shown below, so numbered.",
            ),
            gr.Number(
                _DEFAULT.seed,
                precision=0,
                minimum=0,
                label="Seed",
                info="Of blinks and brows; the same number gives the same video.",
            ),
            drawer,
        )


def _span(what: str) -> tuple[gr.Number, gr.Textbox]:
    """From where to where of an input is used."""
    with gr.Row(elem_classes="span"):
        return (
            gr.Number(0, minimum=0, step=0.1, label=f"Use the {what} from, s", min_width=90),
            optional.field(UNTIL, "its end"),
        )


def chosen(*values: object) -> Options:
    """What the controls say, in their order. Raises InputError for what is out of range."""
    (
        size,
        fps,
        length,
        motion_from,
        motion_to,
        voice_from,
        voice_to,
        mode,
        rotation,
        smoothing,
        fit_body,
        detector,
        voice,
        isolate,
        person,
        seed,
    ) = values
    try:
        return Options(
            fps=Fraction(fps),
            hw=SIZES[size],
            seed=int(seed or 0),
            detector=detector,
            voice_model=voice,
            isolate_vocals=bool(isolate),
            person=int(person or 0),
            length=length,
            driving_trim=_trim(motion_from, motion_to),
            voice_trim=_trim(voice_from, voice_to),
            align=AlignOptions(mode, rotation, float(smoothing), fit_body=bool(fit_body)),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"An option cannot be used: {error}.") from error


def restored(options: Options) -> tuple:
    """The controls' values for a project's options; a size or rate that the lists lack stays as it is on the page."""
    align = options.align
    return (
        _name_of(options.hw) or gr.skip(),
        str(options.fps) if str(options.fps) in RATES else gr.skip(),
        options.length,
        *_seconds(options.driving_trim),
        *_seconds(options.voice_trim),
        align.mode,
        align.head_rotation,
        align.smoothing,
        align.fit_body,
        options.detector,
        options.voice_model,
        options.isolate_vocals,
        options.person,
        options.seed,
    )


def _trim(start: float | None, stop: str) -> Trim:
    """Seconds as a person writes them: 0.1 is a tenth, not the nearest number of a computer."""
    return Trim(Fraction(str(start or 0)), optional.number(stop, UNTIL))


def _seconds(trim: Trim) -> tuple[float, str]:
    return float(trim.start), optional.text(trim.stop)


def untouched() -> tuple:
    """Values that leave the controls as they are."""
    return (gr.skip(),) * CONTROLS


def titled(*values: object) -> gr.Accordion:
    """The drawer, which says when it is closed how many controls differ from the defaults, as those of the project
    before may still do."""
    changed = sum((value or 0) != (usual or 0) for value, usual in zip(values, restored(_DEFAULT), strict=True))
    return gr.Accordion(label=f"{TITLE}, {changed} changed" if changed else TITLE)


def _name_of(hw: tuple[int, int]) -> str | None:
    return next((name for name, size in SIZES.items() if size == hw), None)

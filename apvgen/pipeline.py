"""The way through: three files in, a project folder, a preview or a finished video out.

Everything that takes long reports to `on_progress(stage, done, total)`, which may raise `Cancelled` to stop it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from apvgen import __version__, estimate, exchange, project
from apvgen.align import Alignment, Analysis, align
from apvgen.backbones.draft import Draft
from apvgen.backbones.protocol import Backbone, OnLook, Shot, unseen
from apvgen.config import AlignOptions, Options
from apvgen.edits import Edits
from apvgen.errors import NoPersonError
from apvgen.exchange import Reading
from apvgen.inputs import MOTION_SUFFIX, check_trims, open_driving, read_motion, read_voice
from apvgen.keypoints.cache import cached_detection
from apvgen.media import VideoReader, check_voice, content_hash, read_image
from apvgen.progress import OnProgress, silent
from apvgen.project import Project
from apvgen.result import AS_IT_COMES, Handling, Rendered, write_result
from apvgen.retarget import fit_window, head_box, map_motion, person_box
from apvgen.timeline import frames_for, motion_indices
from apvgen.types import HW, Affine, Audio, Motion, Reference
from apvgen.watermark import marked

if TYPE_CHECKING:
    from apvgen.audio2face import Audio2Face
    from apvgen.keypoints import Detector

SCRATCH = "render"
"""Folder inside a project for what a renderer keeps between two renders."""

VOICE_RATE = 16_000
"""Samples a second that the voice models listen to; a result's sound keeps the rate of its source."""


class AnalysisModels:
    """The detectors and voice models of one process, each loaded when first asked for and then kept."""

    def __init__(self) -> None:
        self._detectors: dict[str, Detector] = {}
        self._voices: dict[tuple[str, bool], Audio2Face] = {}

    def detector(self, options: Options) -> Detector:
        """The one that `options` ask for. Raises MissingModelError."""
        from apvgen.keypoints import load_detector

        name = options.detector
        if name not in self._detectors:
            self._detectors[name] = load_detector(name)
        return self._detectors[name]

    def voice(self, options: Options) -> Audio2Face:
        """The one that `options` ask for. Raises MissingModelError."""
        from apvgen.audio2face import load_voice_model

        name = options.voice_model, options.isolate_vocals
        if name not in self._voices:
            self._voices[name] = load_voice_model(options.voice_model, isolate_vocals=options.isolate_vocals)
        return self._voices[name]


class Animator:
    """Makes projects. models: shared by the animators of one process."""

    def __init__(self, options: Options | None = None, models: AnalysisModels | None = None) -> None:
        self.options = options or Options()
        self._models = models or AnalysisModels()

    @cached_property
    def detector(self) -> Detector:
        return self._models.detector(self.options)

    @cached_property
    def voice_model(self) -> Audio2Face:
        return self._models.voice(self.options)

    def analyse(self, inputs: Mapping[str, Path], folder: Path, on_progress: OnProgress = silent) -> Project:
        """Detect, voice and align, and store the result as a project.

        inputs: role -> path; reference (picture), driving (video, motion file or another tool's track, see `exchange`),
        voice (any file with sound). The project keeps another tool's track as a motion file.
        Raises InputError and its kinds for inputs that cannot be used.
        """
        project.check_roles(inputs)
        project.check_folder(folder)
        reading = Reading(self.options.limits, self.options.person, default_fps=self.options.fps)
        with exchange.as_motion_file(Path(inputs["driving"]), reading) as driving:
            return self._analyse({**inputs, "driving": driving}, folder, on_progress)

    def _analyse(self, inputs: Mapping[str, Path], folder: Path, on_progress: OnProgress) -> Project:
        options = self.options
        check_trims({role: Path(path) for role, path in inputs.items()}, options)
        audio = read_voice(Path(inputs["voice"]), options, VOICE_RATE)
        check_voice(audio)
        frames = frames_for(audio.duration, options.fps)
        reference, window, mesh = self._read_reference(Path(inputs["reference"]))
        driving, people = self._read_driving(Path(inputs["driving"]), frames, on_progress)
        index = motion_indices(len(driving), frames, options.length)
        on_progress("voice", 0, frames)
        voice = self.voice_model.animate(audio, mesh, options.fps, frames, options.seed)
        on_progress("voice", frames, frames)

        as_it_is = np.array_equal(index, np.arange(len(driving)))
        shown = driving if as_it_is else driving.take(index)
        analysis = Analysis(shown, index, reference, window, voice, None if people is None else people[:, index])
        alignment = align(analysis, options.align, Edits(), options.hw)
        made = project.create(folder, inputs, options)
        project.save_tracks(made, analysis, alignment)
        return made.with_settings(made_with=self._made_with(), report=summarise(analysis, alignment, len(driving)))

    def _read_reference(self, path: Path) -> tuple[Motion, Affine, np.ndarray]:
        """Pose of the photo, the cut that leads to the output, and the face mesh `[478, 3]`; pixels of the output."""
        image = read_image(path, self.options.limits)
        found = self.detector.detect_image(image)
        if not found.face.frames_seen[0]:
            raise NoPersonError(
                f"No face was found in the reference photo {path.name}; use a photo that shows one face clearly."
            )
        window = fit_window(found.hw, self.options.hw, person_box(found), head_box(found.face))
        motion = map_motion(found, window, self.options.hw)
        return motion, window, np.concatenate([motion.face.xy[0], motion.face.depth[0][:, None]], -1)

    def _read_driving(self, path: Path, frames: int, on_progress: OnProgress) -> tuple[Motion, np.ndarray | None]:
        """The motion, and the boxes of everybody as in `Analysis.people`, both as long as the motion."""
        if path.suffix.lower() == MOTION_SUFFIX:
            return read_motion(path, self.options), None
        options, detector = self.options, self.detector
        video = open_driving(path, options, frames)
        span = round(options.driving_trim.start * options.fps), video.frame_count
        key = "-".join(
            map(
                str,
                (content_hash(path), detector.name, detector.version, options.fps, video.hw, options.person, *span),
            )
        )
        return cached_detection(
            key, lambda: detector.detect(video, options.person, lambda done, n: on_progress("detect", done, n))
        )

    def _made_with(self) -> dict[str, str]:
        detector, voice = self.detector, self.voice_model
        return {
            "apvgen": __version__,
            "detector": f"{detector.name} {detector.version}",
            "voice_model": f"{voice.name} {voice.version}",
        }


def summarise(analysis: Analysis, alignment: Alignment, motion_frames: int) -> dict[str, float | int | None]:
    """What a person wants to know before rendering: lengths, detection shares of the driving motion, lip gap kept.

    `share_with_hands` counts frames with at least one hand. `lip_gap_kept` is None when the mouth never opens or no
    face is drawn.
    """
    kept, driving = alignment.lip_gap_kept, analysis.driving
    left, right = driving.hands.seen.any(-1).mean(0).tolist()
    return {
        "frames": len(analysis),
        "seconds": float(len(analysis) / driving.fps),
        "motion_frames": motion_frames,
        "share_with_body": float(driving.body.frames_seen.mean()),
        "share_with_hands": float(driving.hands.frames_seen.mean()),
        "share_with_left_hand": left,
        "share_with_right_hand": right,
        "share_with_face": float(driving.face.frames_seen.mean()),
        "share_with_drawn_face": float(alignment.target.face.frames_seen.mean()),
        "lip_gap_kept": kept if np.isfinite(kept) else None,
    }


def realign(made: Project, options: AlignOptions, edits: Edits) -> Project:
    """Apply other alignment options or edits to an analysed project; nothing is detected again.

    Raises InputError for an edit beyond the clip, ProjectError for a project that is not analysed.
    """
    with project.locked(made.folder):
        analysis, _ = project.load_tracks(made)
        alignment = align(analysis, options, edits, analysis.reference.hw)
        changed = replace(made.settings.options, align=options)
        return store(made, analysis, alignment, options=changed, edits=edits)


def store(made: Project, analysis: Analysis, alignment: Alignment, **changes: object) -> Project:
    """Write changed settings and the alignment that follows from them. Raises OutputError."""
    report = summarise(analysis, alignment, int(made.settings.report["motion_frames"]))
    changed = made.with_settings(report=report, **changes)
    project.save_tracks(changed, analysis, alignment)
    return changed


def load_reference(made: Project, analysis: Analysis) -> Reference:
    """The photo, cut and scaled to the output size, with its pose."""
    image = read_image(made.input_path("reference"), made.settings.options.limits)
    return Reference(cut_image(image, analysis.window, analysis.reference.hw), analysis.reference)


def cut_image(image: np.ndarray, window: Affine, hw: HW) -> np.ndarray:
    """Cut the part of a picture that `window` (picture pixels -> output pixels) shows, and scale it to `hw`."""
    corners = window.inverse().apply(np.array([[0.0, 0.0], [hw[1], hw[0]]]))
    (x0, y0), (x1, y1) = np.rint(corners).astype(int)
    shrinks = window.a.max() < 1
    return cv2.resize(image[y0:y1, x0:x1], hw[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def preview(made: Project, out: Path, on_progress: OnProgress = silent) -> Rendered:
    """Write the preview: driving detections, talking face, pose frame and overlay, side by side, with the voice."""
    from apvgen.preview import panels

    analysis, alignment = project.load_tracks(made)
    frames = panels(driving_video(made), analysis, alignment, load_reference(made, analysis), made.settings.options)
    return write_result(made, out, frames, voice_of(made), ("preview", len(analysis), on_progress))


def compare(made: Project, results: Mapping[str, Path], out: Path, on_progress: OnProgress = silent) -> Rendered:
    """Write what drives and finished videos of the project, by title, side by side, with the voice."""
    from apvgen.preview import side_by_side

    options = made.settings.options
    analysis, alignment = project.load_tracks(made)
    videos = {title: VideoReader(path, options.fps, options.limits) for title, path in results.items()}
    frames = side_by_side(driving_video(made), analysis, alignment.target, videos)
    return write_result(made, out, frames, voice_of(made), ("comparison", len(analysis), on_progress))


def render(
    made: Project,
    out: Path,
    on_progress: OnProgress = silent,
    backbone: Backbone | None = None,
    handling: Handling = AS_IT_COMES,
    on_look: OnLook = unseen,
) -> Rendered:
    """Write the finished video; without a backbone, the draft. on_look: see `backbones.protocol`.

    Raises OutputError when the place cannot be written, and what the backbone raises.
    """
    backbone = backbone or Draft()
    analysis, alignment = project.load_tracks(made)
    voice = voice_of(made)
    scratch = made.folder / SCRATCH if handling.reuse else None
    shot = Shot(load_reference(made, analysis), alignment.target, voice, scratch)
    frames = backbone.frames(shot, range(len(shot)), on_progress, on_look)
    if handling.watermark:
        frames = marked(frames)
    made_by = {**backbone.describe(), **vars(handling)}
    done = write_result(made, out, frames, voice, (backbone.name, len(shot), on_progress), made_by)
    if backbone.name in estimate.MEGAPIXELS_A_SECOND:
        estimate.drawn(backbone.name, done.frames, shot.hw, done.seconds)
    return done


def voice_of(made: Project) -> Audio:
    """The part of the project's voice that is used, as it came. Raises MediaError, LimitError."""
    return read_voice(made.input_path("voice"), made.settings.options)


def driving_video(made: Project) -> VideoReader | None:
    """The driving video on the output's clock and in the tracks' pixels, or None when a motion file drives."""
    path = made.input_path("driving")
    if path.suffix == MOTION_SUFFIX:
        return None
    return open_driving(path, made.settings.options)

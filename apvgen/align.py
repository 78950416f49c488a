"""Where the driving body and the talking face meet: detections in, the pose to draw out. Pure and quick to repeat."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from apvgen import fda, head
from apvgen.config import AlignOptions
from apvgen.edits import Edits
from apvgen.edits.points import correct
from apvgen.layouts import FACE468
from apvgen.retarget import fit_body, map_motion
from apvgen.types import HW, Affine, Motion, Track, VoiceFace


@dataclass(frozen=True)
class Analysis:
    """What was found in the inputs, on the clock of the output: nothing here depends on alignment options.

    driving: motion in driving-video pixels, one entry an output frame.
    driving_index: int64 `[T]`, which frame of the resampled driving video each output frame shows.
    reference: motion of one frame, in output pixels.
    window: the map from reference-photo pixels to output pixels.
    voice: the talking face.
    people: float32 `[P, T, 4]` boxes (left, top, right, bottom) of everybody in the driving video, in its pixels, the
        largest person first, NaN where absent; None where not known, as with a motion file.
    """

    driving: Motion
    driving_index: np.ndarray
    reference: Motion
    window: Affine
    voice: VoiceFace
    people: np.ndarray | None = None

    def __post_init__(self) -> None:
        lengths = {"driving": len(self.driving), "driving_index": len(self.driving_index), "voice": len(self.voice)}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"every part needs the same number of frames, not {lengths}")
        if self.people is not None and self.people.shape[1:] != (len(self.voice), 4):
            raise ValueError(f"people must have shape [any, {len(self.voice)}, 4], not {list(self.people.shape)}")

    def __len__(self) -> int:
        return len(self.driving)


@dataclass(frozen=True)
class Alignment:
    """The pose to draw, and how it came about.

    voice_face: the talking face with its head rotation, before FDA; in the voice model's own unit.
    fda: per-frame map from `voice_face` to driving-video pixels, smoothed and corrected; NaN where no face is drawn.
        Rotations and moved points of the face come after it.
    body_fit: the map from driving-video pixels to output pixels.
    target: body, hands and face as drawn, output pixels.
    lip_gap_kept: share of the voice's lip opening that FDA kept.
    """

    voice_face: Track
    fda: Affine
    body_fit: Affine
    target: Motion
    lip_gap_kept: float

    @property
    def edited(self) -> Motion:
        """`target` in driving-video pixels, the places that edits speak of."""
        return map_motion(self.target, self.body_fit.inverse(), self.voice_face.hw)


def align(analysis: Analysis, options: AlignOptions, edits: Edits, hw: HW) -> Alignment:
    """Place the talking face on the driving body (FDA), correct it by hand, then fit the pose to the reference person.

    Raises NoPersonError when driving and reference body share too few points to be fitted, InputError for an edit
    beyond the clip.
    """
    edits.check_length(len(analysis))
    driving, wanted = analysis.driving, edits.bridged(len(analysis))
    vertices = turn_head(analysis.voice, driving.face, options, wanted)
    flat = vertices[..., :2].copy()
    del vertices  # of a long clip, hundreds of megabytes
    fitted = fda.fit(flat, driving.face.xy[:, :468], options.mode)
    upright = fda.fit(flat, driving.face.xy[:, :468], "stable")
    bridged = bridge(fitted, flat, options, wanted)
    placed = fda.override(fda.smooth_scale(bridged, flat, options.smoothing, options.mode), flat, edits.face)

    voice_face = _face_track(flat, np.isfinite(flat).all((1, 2)), driving)
    # Fitted to what was found: a corrected point then moves alone, and every other frame stays as it was to the byte.
    body_fit = fit_body(driving.body, analysis.reference.body) if options.fit_body else _letterbox(driving.hw, hw)
    target = _target(driving, voice_face, placed, edits, body_fit, hw)
    return Alignment(voice_face, placed, body_fit, target, fda.lip_gap_kept(flat, fitted, upright))


def move_points(analysis: Analysis, before: Alignment, edits: Edits) -> Alignment:
    """What `align` gives when, since `before`, only `edits.points` have changed: the same bytes in less time.

    Raises InputError for an edit beyond the clip.
    """
    edits.check_length(len(analysis))
    target = _target(analysis.driving, before.voice_face, before.fda, edits, before.body_fit, before.target.hw)
    return replace(before, target=target)


def _target(driving: Motion, voice_face: Track, placed: Affine, edits: Edits, body_fit: Affine, hw: HW) -> Motion:
    present = np.isfinite(placed.a).all(1)
    face = _face_track(fda.tilt(placed.apply(voice_face.xy), edits.face), present, driving)
    corrected = correct(Motion(driving.body, driving.hands, face), edits.points)
    shown = _without(corrected.face, ~fda.visible(edits.face, len(driving)))
    return map_motion(replace(corrected, face=shown), body_fit, hw)


def _without(track: Track, frames: np.ndarray) -> Track:
    """The track with nothing in `frames`, bool `[T]`."""
    if not frames.any():
        return track
    gone = frames.reshape(-1, *([1] * (track.score.ndim - 1)))
    return replace(track, xy=np.where(gone[..., None], np.nan, track.xy), score=np.where(gone, 0, track.score))


def turn_head(voice: VoiceFace, driving_face: Track, options: AlignOptions, wanted: np.ndarray) -> np.ndarray:
    """The talking meshes `[T, 468, 3]` with the chosen head rotation; NaN in frames whose driving head is unknown.

    wanted: bool `[T]`, where gaps are bridged however long they are.
    """
    if options.head_rotation == "none":
        return voice.vertices
    if options.head_rotation == "voice":
        return head.turn(voice.vertices, voice.rotation)
    rotation = head.driving_rotation(driving_face, voice.vertices.mean(0))
    return head.turn(voice.vertices, head.nearest_rotation(fda.bridge_gaps(rotation, options.max_gap, wanted)))


def bridge(fitted: Affine, face: np.ndarray, options: AlignOptions, wanted: np.ndarray) -> Affine:
    """Fill short gaps of a per-frame map so that the face's centre, not the map's origin, moves evenly.

    face: `[T, N, 2]`, the landmarks that `fitted` maps. wanted: as for `turn_head`.
    """
    centre = face.mean(1)
    place = fda.bridge_gaps(fitted.a * centre + fitted.b, options.max_gap, wanted)
    a = fda.bridge_gaps(fitted.a, options.max_gap, wanted)
    return Affine(a, place - a * centre)


def _face_track(xy: np.ndarray, present: np.ndarray, like: Motion) -> Track:
    score = np.broadcast_to(present[:, None].astype(np.float32), xy.shape[:2])
    return Track(FACE468, xy.astype(np.float32, copy=False), score, like.hw, like.fps)


def _letterbox(source_hw: HW, output_hw: HW) -> Affine:
    """The uniform map that centres the driving picture in the output without cutting it."""
    source, output = np.array(source_hw[::-1], float), np.array(output_hw[::-1], float)
    scale = (output / source).min()
    return Affine(np.full(2, scale), (output - scale * source) / 2)

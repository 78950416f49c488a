"""A source's footage -> clips: cut into shots, people found, judged, cropped and, for face clips, surrounded."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from math import floor
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np

from apvgen.errors import InputError, NoPersonError
from apvgen.keypoints import Detector
from apvgen.media import probe_video, read_audio
from apvgen.retarget import HAIR, map_motion
from apvgen.types import HW, Affine, Audio, Motion, Track
from train.examples import Clip, Kind
from train.journal import Rejection
from train.outpaint import Margins, Painter, paint
from train.quality import Quality, Standards, company, complaint, face_boxes, pieces, sharpness, shots, subject_box
from train.sources import LIMITS, Footage, Source, open_footage

VOICE_RATE = 16_000
"""What wav2vec2 and SyncNet take."""

_ROOM = 2.3
"""Side of a close-up in heights of its face mesh, for hair and shoulders: about as VFHQ cuts."""

_EXTENT = 1.1
"""Side of a close-up in sizes of all that the head passes over, hair included."""

_SHARPNESS_SAMPLES = 8

_NOSE, _RIGHT, _LEFT = 1, 234, 454
"""Face mesh: tip of the nose, and the outermost points of the cheeks."""


@dataclass(frozen=True)
class Recipe:
    """How clips are made. seconds: of the longest clip. side: pixels of a clip's longer side, which is never enlarged.
    margins: of a face clip's surround.
    """

    kind: Kind
    seconds: float
    side: int
    standards: Standards
    margins: Margins


@dataclass(frozen=True)
class Tools:
    """The networks that a recipe uses. painter: for face clips."""

    detector: Detector
    painter: Painter


class _Rejected(Exception):
    """A stretch is not good enough; the message is the reason."""


def prepare(source: Source, recipe: Recipe, tools: Tools, present: Collection[str]) -> Iterator[Clip | Rejection]:
    """The clips of a source and what is rejected of it. present: keys of clips that need not be made again."""
    try:
        footage = open_footage(source)
        stretches = _stretches(footage, recipe)
        voice = _voice(source.path)
    except InputError as error:
        yield Rejection(source.name, str(source.path), str(error))
        return
    for stretch in stretches:
        key = clip_key(source, stretch)
        if key in present:
            continue
        try:
            scene = _scene(footage.take(stretch), source.is_whole, recipe, tools.detector)
            yield _clip(key, scene, _heard(voice, source, stretch, footage), recipe, tools)
        except (_Rejected, InputError) as error:
            yield Rejection(source.name, str(source.path), str(error), stretch.start, stretch.stop)


def clip_key(source: Source, stretch: range) -> str:
    """The key of the clip made of those frames of a source."""
    return f"{source.name}-{stretch.start:06d}"


def source_name(key: str) -> str:
    """The inverse: the name of the source that a clip comes from."""
    return key.rpartition("-")[0]


def _stretches(footage: Footage, recipe: Recipe) -> list[range]:
    longest = max(floor(recipe.seconds * footage.fps), 1)
    return [piece for shot in shots(footage.frames()) for piece in pieces(shot, longest)]


@dataclass(frozen=True)
class _Scene:
    """Footage that is good enough, cropped and scaled."""

    frames: np.ndarray
    motion: Motion
    quality: Quality


def _scene(footage: Footage, is_whole: bool, recipe: Recipe, detector: Detector) -> _Scene:
    """is_whole: the picture has not been cut to a close-up yet."""
    seconds = float(footage.frame_count / footage.fps)
    if seconds < recipe.standards.seconds:
        raise _Rejected(f"a shot of {seconds:.2f} s, at least {recipe.standards.seconds:g}")
    try:
        found = detector.detect(footage)
    except NoPersonError as error:
        raise _Rejected("nobody is seen") from error
    motion, subject = found.motion, found.motion.face if recipe.kind == "face" else found.motion.body
    faces = face_boxes(motion.face)
    heights = (faces[:, 3] - faces[:, 1])[motion.face.frames_seen]
    face_px = float(np.median(heights)) if len(heights) else 0.0
    others = company(found.people)
    quality = Quality(seconds, float(subject.frames_seen.mean()), face_px, others, float("nan"))
    _judge(recipe, quality)
    box = _close_up(faces, footage.hw) if recipe.kind == "face" and is_whole else (0, 0, *footage.hw[::-1])
    frames, motion = _cropped(footage, motion, box, recipe.side)
    quality = replace(quality, sharpness=_typical_sharpness(frames, motion, recipe.kind))
    _judge(recipe, quality)
    return _Scene(frames, motion, quality)


def _judge(recipe: Recipe, quality: Quality) -> None:
    reason = complaint(recipe.kind, quality, recipe.standards)
    if reason:
        raise _Rejected(reason)


def _close_up(faces: np.ndarray, hw: HW) -> tuple[int, int, int, int]:
    """The square (left, top, right, bottom) around the faces `[T, 4]` of a clip, inside the picture."""
    sizes = faces[:, 2:] - faces[:, :2]
    low = np.nanmin(faces[:, :2] - HAIR * sizes, 0)
    high = np.nanmax(faces[:, 2:] + HAIR * sizes * (1, 0), 0)
    side = min(max(_ROOM * np.nanmedian(sizes[:, 1]), _EXTENT * (high - low).max()), *hw)
    if (np.nanmax(faces[:, 2:], 0) - np.nanmin(faces[:, :2], 0)).max() > side:
        raise _Rejected("the head moves too far to stay in one picture")
    whole, side = np.array(hw[::-1]), floor(side)
    corner = np.clip(((low + high - side) / 2).round().astype(int), 0, whole - side).tolist()
    return *corner, corner[0] + side, corner[1] + side


def _cropped(footage: Footage, motion: Motion, box: tuple[int, int, int, int], side: int) -> tuple[np.ndarray, Motion]:
    """Frames and keypoints of a box of the picture, shrunk to a longer side of at most `side` px."""
    corner, size = np.array(box[:2]), np.array(box[2:]) - box[:2]
    small = np.maximum((size * min(side / size.max(), 1)).round().astype(int), 1)
    left, top, right, bottom = box
    frames = np.stack(
        [cv2.resize(frame[top:bottom, left:right], small, interpolation=cv2.INTER_AREA) for frame in footage.frames()]
    )
    scale = small / size
    return frames, map_motion(motion, Affine(scale, -scale * corner), frames.shape[1:3])


def _typical_sharpness(frames: np.ndarray, motion: Motion, kind: Kind) -> float:
    """The median over a few frames in which the subject is known; 0 without any."""
    seen = np.flatnonzero((motion.face if kind == "face" else motion.body).frames_seen)
    sampled = seen[:: max(len(seen) // _SHARPNESS_SAMPLES, 1)]
    boxes = [(frames[t], subject_box(motion, int(t), kind)) for t in sampled]
    return float(np.median([sharpness(frame, box) for frame, box in boxes])) if boxes else 0.0


def _clip(key: str, scene: _Scene, voice: Audio | None, recipe: Recipe, tools: Tools) -> Clip:
    facts = {"quality": asdict(scene.quality), "detector": f"{tools.detector.name} {tools.detector.version}"}
    if recipe.kind == "body":
        return Clip(key, "body", scene.frames, scene.motion, voice, facts=facts)
    reference = most_frontal(scene.motion.face)
    surround = paint(scene.frames[reference], tools.painter, recipe.margins, seed=crc32(key.encode()))
    facts |= surround.facts
    return Clip(key, "face", scene.frames, scene.motion, voice, surround.image, reference, facts)


def most_frontal(face: Track) -> int:
    """The frame in which the tip of the nose is nearest to the middle between the cheeks, in face widths."""
    left, right, nose = (face.xy[:, k, 0] for k in (_LEFT, _RIGHT, _NOSE))
    turned = np.abs(2 * nose - left - right) / np.maximum(np.abs(left - right), 1)
    return int(np.argmin(np.where(np.isfinite(turned) & face.frames_seen, turned, np.inf)))


@lru_cache(maxsize=1)  # the clips of a VFHQ interview follow each other
def _voice(path: Path) -> Audio | None:
    """All of a video's sound, one channel at `VOICE_RATE`; None for pictures and silent films."""
    if path.is_dir() or not probe_video(path, LIMITS).has_audio:
        return None
    audio = read_audio(path, LIMITS, VOICE_RATE)
    return Audio(audio.mono[None], VOICE_RATE)


def _heard(voice: Audio | None, source: Source, stretch: range, footage: Footage) -> Audio | None:
    """The sound of a stretch of a source, as long as its pictures: filled with silence where the sound ends first."""
    if voice is None:
        return None
    start, stop = (round((source.first + frame) / footage.fps * VOICE_RATE) for frame in (stretch.start, stretch.stop))
    samples = voice.samples[:, start:stop]
    return Audio(np.pad(samples, ((0, 0), (0, stop - start - samples.shape[1]))), VOICE_RATE)

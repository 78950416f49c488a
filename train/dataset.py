"""Shards of clips -> examples as one optimiser step sees them; everything random is drawn from (seed, clip, draw).

Both data sets are indexed by position of their endless stream (train.sampling), so the same examples come whatever the
number of processes and workers.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

import cv2
import numpy as np
from torch.utils.data import Dataset

from apvgen.config import FaceStyle
from apvgen.errors import InputError, NoPersonError
from apvgen.pose import pose_frames
from apvgen.retarget import map_motion
from apvgen.types import HW, Affine, Motion
from train.augment import mirror, only_face
from train.examples import Example, Kind
from train.face_regions import face_area, mouth_weights
from train.fda_statistics import PAPER, FdaDistribution
from train.kept_examples import KeptExamples
from train.outpaint import Margins, margins_of, seen_through
from train.sampling import Stream
from train.shards import ClipEntry, Shards, read_frames, read_motion, read_surround
from train.window import Box, body_window

_log = logging.getLogger(__name__)

_MOST_ENLARGED = 2
"""Times: a clip that must grow more would teach blur."""


@dataclass(frozen=True)
class ExampleOptions:
    """How clips become examples.

    hw: size of all pictures. frames: F, besides the reference. stride: every so many frames of the clip are taken.
    fda: False lets a face picture fill the frame (ablation). outpaint: False makes the reference of a face clip the
    scaled face on black, which counts inside the face only (no reference training). maps: where FDA maps are drawn.
    draws: 0 draws afresh in every pass; K repeats after K passes, so that latents can be kept by `Example.identity`.
    mouth: how much more than the rest of a face clip its mouth counts.
    apart: how far from the map of a face clip's frames its reference picture's may be: 0 nowhere, 1 anywhere. More than
    0 teaches to move a face; its frames then count inside the face only, since what is around it moves along.
    flip: mirror half of the examples. leave_out_short: go without clips shorter than the window, and say how many.
    """

    hw: HW = (768, 512)
    frames: int = 20
    stride: int = 1
    fda: bool = True
    outpaint: bool = True
    maps: FdaDistribution = PAPER
    draws: int = 0
    mouth: float = 1.0
    apart: float = 0.0
    flip: bool = True
    style: FaceStyle = "mesh"
    seed: int = 0
    leave_out_short: bool = False

    def __post_init__(self) -> None:
        if self.frames < 1 or self.stride < 1 or self.draws < 0:
            raise InputError(
                f"An example needs at least one frame, a stride of at least 1 and no negative number of draws, not "
                f"{self.frames}, {self.stride} and {self.draws}."
            )

    @property
    def span(self) -> int:
        """Frames of a clip from the first to the last that an example takes."""
        return (self.frames - 1) * self.stride + 1

    @property
    def painted(self) -> bool:
        """Whether the reference of a face clip is `r_hat`: without FDA there is nothing around the face to paint."""
        return self.fda and self.outpaint


class Draw(NamedTuple):
    """What is random in an example. affine, reference: maps of a face clip's frames and of its reference picture.
    window: the frames taken. other: a frame outside the window, where there is one."""

    affine: Affine
    reference: Affine
    window: range
    other: int
    flip: bool


class _Examples(Dataset[Example]):
    """What both kinds share. `len` is one pass; positions go on beyond it. kept: where examples are kept, if at all."""

    kind: Kind

    def __init__(self, shards: Shards, options: ExampleOptions, kept: KeptExamples | None = None) -> None:
        self.options, self._kept = options, kept
        self.entries, self.left_out = _long_enough(shards.of_kind(self.kind), self.kind, options)
        for entry in self.entries:
            self._check(entry)
        self._stream = Stream(len(self.entries), options.seed)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, position: int) -> Example:
        clip, turn = self._stream[position]
        entry, options = self.entries[clip], self.options
        variant = turn % options.draws if options.draws else turn
        if self._kept is None:
            return self.example(entry, variant)
        return self._kept.of(f"{entry.digest} {variant} {options}", lambda: self.example(entry, variant))

    def example(self, entry: ClipEntry, variant: int) -> Example:
        """One of a clip's examples. Raises MediaError for damaged data."""
        raise NotImplementedError

    def _check(self, entry: ClipEntry) -> None:
        """Raises InputError for a clip that no example can be made of."""
        raise NotImplementedError

    def draw(self, entry: ClipEntry, variant: int) -> Draw:
        """Depends on the seed, the clip's key and the variant alone."""
        options = self.options
        rng = np.random.default_rng([options.seed, crc32(entry.key.encode()), variant])
        affine = options.maps.sample(rng)
        start = int(rng.integers(entry.frames - options.span + 1))
        window = range(start, start + options.span, options.stride)
        others = [k for k in range(entry.frames) if not window[0] <= k <= window[-1]] or range(entry.frames)
        other, flip = int(rng.choice(others)), bool(rng.random() < 0.5 and options.flip)
        reference = _between(affine, options.maps.sample(rng), options.apart * rng.random())
        return Draw(affine, reference, window, other, flip)

    def _finish(
        self,
        entry: ClipEntry,
        draw: Draw,
        boxes: tuple[Box, Box],
        frames: np.ndarray,
        motion: Motion,
        mask: np.ndarray,
    ) -> Example:
        """Mirror, draw the poses, and name the pixels. boxes: of the reference picture, and of the other frames."""
        if draw.flip:
            frames, motion, mask = _flipped(frames), mirror(motion), _flipped(mask)
        poses = np.stack(list(pose_frames(motion, self.options.style)))
        options, before = self.options, entry.reference_frame if entry.kind == "face" else draw.other
        reference, place = boxes
        identity = (
            f"{entry.digest} {draw.window} after {before} {place.corner} {place.size} in {options.hw}"
            f"{f' from {reference.corner} {reference.size}' * (reference != place)}"
            f"{' mirrored' * draw.flip}{' painted' * (entry.kind == 'face' and options.painted)}"
        )
        return Example(entry.key, entry.kind, frames, poses, mask, identity)


class FaceExamples(_Examples):
    """Close-ups, scaled into the frame by FDA; frame 0 is `r_hat`, the reference picture with its surround painted.

    Raises NoPersonError for a clip without a face, and InputError for none at all, or one that is short or small, or
    whose surround does not reach as far as the maps of the options.
    """

    kind = "face"

    def example(self, entry: ClipEntry, variant: int) -> Example:
        draw = self.draw(entry, variant)
        reference, box = self._box(draw.reference), self._box(draw.affine)
        frames, mask = self._pictures(entry, draw.window, reference, box)
        motion = only_face(read_motion(entry).take([entry.reference_frame, *draw.window]))
        each = [reference] + [box] * self.options.frames
        to_frame = Affine(np.array([b.size for b in each]) / entry.hw[::-1], np.array([b.corner for b in each], float))
        motion = map_motion(motion, to_frame, self.options.hw)
        if reference != box and (area := face_area(motion)[1:]).any():
            mask[1:] *= area
        if self.options.mouth != 1:
            mask *= mouth_weights(motion, self.options.mouth)
        return self._finish(entry, draw, (reference, box), frames, motion, mask)

    def _box(self, affine: Affine) -> Box:
        """The scaled picture in whole pixels, so that frames, poses and mask agree exactly."""
        whole = np.array(self.options.hw[::-1])
        if not self.options.fda:
            return Box((0, 0), tuple(whole.tolist()))
        size = np.maximum((affine.a * whole).round().astype(int), 1)
        corner = np.clip((affine.b * whole).round().astype(int), 0, whole - size)
        return Box(tuple(corner.tolist()), tuple(size.tolist()))

    def _pictures(self, entry: ClipEntry, window: range, reference: Box, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """Frames `[F + 1, H, W, 3]` and mask `[F + 1, H, W]`, black and zero outside their boxes."""
        hw = self.options.hw
        frames = np.zeros((self.options.frames + 1, *hw, 3), np.uint8)
        mask = np.zeros(frames.shape[:3], np.float32)
        mask[1:, *box.part] = 1
        frames[1:, *box.part] = _resized(read_frames(entry, window), box.size)
        if self.options.painted:
            whole = np.array(hw[::-1])
            exact = Affine(np.array(reference.size) / whole, np.array(reference.corner) / whole)
            frames[0] = seen_through(read_surround(entry), margins_of(entry.facts), exact, hw)
            mask[0] = 1
        else:
            only = range(entry.reference_frame, entry.reference_frame + 1)
            frames[0, *reference.part] = _resized(read_frames(entry, only), reference.size)[0]
            mask[0, *reference.part] = 1
        return frames, mask

    def _check(self, entry: ClipEntry) -> None:
        options, maps = self.options, self.options.maps
        if not entry.faces or not entry.reference_face:
            where = "any frame" if not entry.faces else f"frame {entry.reference_frame}, its reference"
            raise NoPersonError(f"No face is known in {where} of {entry}, a face clip; remove it or prepare it again.")
        if options.painted and not margins_of(entry.facts).hold(Margins.of(maps)):
            raise InputError(
                f"The surround of {entry} does not reach as far as {maps}; prepare it again with these maps, or train "
                "with those that it was painted for."
            )
        largest = np.array([maps.a_y + maps.delta_y, maps.a_x + maps.delta_x] if options.fda else [1, 1])
        _check_size(entry, (largest * options.hw / entry.hw).max(), options)


class BodyExamples(_Examples):
    """People who move, in a window of the frame's shape; frame 0 is another frame of the clip. The mask is all ones.

    Raises InputError for no clips at all, or one that is short or small.
    """

    kind = "body"

    def example(self, entry: ClipEntry, variant: int) -> Example:
        draw = self.draw(entry, variant)
        hw = self.options.hw
        motion = read_motion(entry).take([draw.other, *draw.window])
        window = body_window(motion, hw)
        pictures = [read_frames(entry, wanted) for wanted in (range(draw.other, draw.other + 1), draw.window)]
        frames = _resized(np.concatenate(pictures)[:, *window.part], hw[::-1])
        motion = map_motion(motion, window.filling(hw), hw)
        return self._finish(entry, draw, (window, window), frames, motion, np.ones(frames.shape[:3], np.float32))

    def _check(self, entry: ClipEntry) -> None:
        _check_size(entry, (np.array(self.options.hw) / entry.hw).max(), self.options)


def _between(first: Affine, second: Affine, share: float) -> Affine:
    """A map on the way from one to another: what bounds both of them bounds it too."""
    return Affine(*(one + share * (other - one) for one, other in ((first.a, second.a), (first.b, second.b))))


def _resized(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`[T, h, w, 3]` -> `[T, *size[::-1], 3]`: averaged where it shrinks, linear where it grows."""
    shrinks = size[0] <= frames.shape[2] and size[1] <= frames.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, size, interpolation=how) for frame in frames])


def _flipped(pictures: np.ndarray) -> np.ndarray:
    return np.stack([cv2.flip(picture, 1) for picture in pictures])  # a tenth of the time of a copy of [..., ::-1]


def _long_enough(shards: Shards, kind: Kind, options: ExampleOptions) -> tuple[list[ClipEntry], list[ClipEntry]]:
    """(used, left out). Raises InputError where nothing is left, or a short clip is not to be left out."""
    if not shards:
        raise InputError(f"The data holds no {kind} clips; prepare some with `python -m train.prepare --kind {kind}`.")
    short = [entry for entry in shards if entry.frames < options.span]
    if short and (len(short) == len(shards) or not options.leave_out_short):
        raise InputError(
            f"{len(short)} of {len(shards)} {kind} clips are too short, such as {short[0]} with {short[0].frames} "
            f"frames: examples span {options.span}; train on fewer frames or a smaller stride, prepare longer clips, "
            "or leave short ones out (leave_out_short)."
        )
    if short:
        counts = len(short), len(shards), kind, options.span
        _log.warning("%d of %d %s clips are left out, being shorter than %d frames", *counts)
    return [entry for entry in shards if entry.frames >= options.span], short


def _check_size(entry: ClipEntry, enlarged: float, options: ExampleOptions) -> None:
    if enlarged > _MOST_ENLARGED:
        raise InputError(
            f"The pictures of {entry}, {entry.hw[0]} x {entry.hw[1]} px (height x width), would be enlarged "
            f"{enlarged:.1f} times for examples of {options.hw[0]} x {options.hw[1]} px; give larger videos, or train "
            "at a smaller size."
        )

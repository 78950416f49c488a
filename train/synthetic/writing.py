"""Clips of the world as shards, drawn by several processes; what is there already is not drawn again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import cv2

from apvgen.errors import InputError
from apvgen.types import HW
from train.examples import Clip
from train.shards import ShardWriter, open_shards, shard_paths
from train.synthetic.people import Split
from train.synthetic.shots import Scene
from train.synthetic.world import Outpainting, body_clip, clip_key, face_clip, speaking_dancer

_DRAW: dict[Scene, Callable[..., Clip]] = {"face": face_clip, "body": body_clip, "speaking_dancer": speaking_dancer}


@dataclass(frozen=True)
class Order:
    """`count` clips of one scene, alike but for their index."""

    scene: Scene
    count: int
    seed: int
    hw: HW
    frames: int
    fps: Fraction
    split: Split
    outpainting: Outpainting = "classical"

    def draw(self, index: int) -> Clip:
        """Clip `index`."""
        extra = {"outpainting": self.outpainting} if self.scene == "face" else {}
        return _DRAW[self.scene](self.seed, index, self.hw, self.frames, self.fps, self.split, **extra)

    def key(self, index: int) -> str:
        """The name of clip `index`."""
        return clip_key(self.scene, self.split, self.seed, index)


def missing(folder: Path, order: Order) -> list[int]:
    """The clips of an order that no complete shard of `folder` holds.

    Raises InputError where one of them has another size or length.
    """
    wanted = {order.key(index): index for index in range(order.count)}
    there = {entry.key: entry for entry in open_shards(folder)} if shard_paths(folder) else {}
    for entry in there.values():
        if entry.key in wanted and (tuple(entry.hw), entry.frames) != (order.hw, order.frames):
            raise InputError(
                f"{folder} already holds {entry.key} with {entry.frames} frames of {tuple(entry.hw)} px, not "
                f"{order.frames} of {order.hw}: write to another folder or with another seed"
            )
    return [index for key, index in wanted.items() if key not in there]


def write(folder: Path, orders: list[Order], shard_clips: int, workers: int) -> Iterator[int]:
    """Write what is missing of `orders`, `shard_clips` clips to a shard; yields how many a finished shard has."""
    jobs = []
    for order in orders:
        indices = missing(folder, order)
        jobs += [(order, indices[k : k + shard_clips]) for k in range(0, len(indices), shard_clips)]
    with ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) as pool:
        futures = [pool.submit(_write_shard, folder, order, indices) for order, indices in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _write_shard(folder: Path, order: Order, indices: list[int]) -> int:
    prefix = order.key(indices[0])
    with ShardWriter(folder, prefix) as writer:
        for index in indices:
            writer.write(order.draw(index))
    return len(indices)


def _one_thread() -> None:
    """The processes share the cores out; threads of OpenCV would only get in each other's way."""
    cv2.setNumThreads(1)

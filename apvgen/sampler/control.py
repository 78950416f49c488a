"""Control features of pose pictures, computed once per frame and step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch

from apvgen.model.controlnext import ControlNeXt
from apvgen.sampler.devices import execution_device
from apvgen.types import HW

PoseFrames = Callable[[Sequence[int]], np.ndarray]
"""Draws poses by their number in the sequence (0: the reference's): RGB uint8 `[n, H, W, 3]`."""

FRAMES_AT_ONCE = 8
"""The control network's features at half the picture's size are larger than anything in the UNet: 24 frames at
768 x 512 would take 5 GB in float32. Eight fill a device as well."""


class ControlFeatures:
    """The features of one step. Holds those of one window at most: 24 frames at 768 x 512 take 184 MB in float32.

    control: the network. hw: size that pose frames must have. timestep: float32 `[]`, 0.25 ln sigma.
    """

    def __init__(self, control: ControlNeXt, pose_frames: PoseFrames, hw: HW, timestep: torch.Tensor) -> None:
        self._control = control
        self._pose_frames = pose_frames
        self._hw = hw
        self.timestep = timestep
        self._kept: dict[int, torch.Tensor] = {}

    def __len__(self) -> int:
        """Frames whose features are in memory."""
        return len(self._kept)

    def of(self, poses: Sequence[int]) -> torch.Tensor:
        """Features of poses, float `[n, C, h', w']`; those that the window before had too are not computed again."""
        missing = [pose for pose in poses if pose not in self._kept]
        for start in range(0, len(missing), FRAMES_AT_ONCE):
            batch = missing[start : start + FRAMES_AT_ONCE]
            self._kept.update(zip(batch, self._compute(batch), strict=True))
        return torch.stack([self._kept[pose] for pose in poses])

    def keep_only(self, poses: Iterable[int]) -> None:
        """Forget the features of all other poses."""
        self._kept = {pose: self._kept[pose] for pose in poses if pose in self._kept}

    def _compute(self, poses: Sequence[int]) -> torch.Tensor:
        pictures = self._pose_frames(poses)
        wanted = (len(poses), *self._hw, 3)
        if pictures.dtype != np.uint8 or pictures.shape != wanted:
            raise ValueError(f"pose frames must be uint8 {list(wanted)}, not {pictures.dtype} {list(pictures.shape)}")
        device = execution_device(self._control)
        pixels = torch.from_numpy(pictures)
        if device.type == "cuda":
            # From pinned memory the copy does not wait for the window that the device still computes.
            pixels = pixels.pin_memory().to(device, non_blocking=True)
        frames = pixels.to(device).permute(0, 3, 1, 2).to(next(self._control.parameters()).dtype) / 255
        return self._control(frames.contiguous(), self.timestep)

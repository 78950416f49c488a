"""The frames of a driving video, small and compressed, so that any of them is there at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress

import cv2
import numpy as np

from apvgen.errors import MediaError
from apvgen.media import VideoReader
from apvgen.studio.scaling import fitted

LARGEST_SIDE = 1024
"""Frames are kept at this size, px: enough to look closely at a face."""
HELD_BYTES = 96 * 1024**2
"""About a minute at 25 frames a second; later frames are decoded when asked for."""
JPEG_QUALITY = 85
LOOK_BACK = 8
"""Frames decoded before the wanted one when the slider moves backward: a video can only be decoded forward."""
LOOK_AHEAD = 24
"""Frames that are decoded on the way rather than seeking again."""
ENDED = -LOOK_AHEAD
"""Where a stream that failed stands: no frame lies ahead of it, so the next one wanted begins another."""


class Shelf:
    """The frames of one video.

    `fill` puts them there in their order, in a thread of its own; a frame that is wanted sooner is sought out.
    """

    def __init__(self, video: VideoReader) -> None:
        self._video = video
        self._held: OrderedDict[int, np.ndarray] = OrderedDict()
        self._bytes = 0
        self._holding = threading.Lock()
        self._stream, self._next = video.frames(), 0
        self._seeking = threading.Lock()

    def frame(self, k: int, side: int = LARGEST_SIDE) -> np.ndarray:
        """Frame `k` of the resampled video, RGB uint8 `[h, w, 3]`. Raises MediaError.

        side: what the longer side may be reduced to, px; it comes back at least that large, where the video is.
        """
        encoded = self._held.get(k)
        if encoded is None:
            with self._seeking:
                encoded = self._seek(k)
        halved = cv2.IMREAD_REDUCED_COLOR_2 if 2 * side <= self._largest else cv2.IMREAD_COLOR
        return cv2.imdecode(encoded, halved)[..., ::-1]

    @property
    def _largest(self) -> int:
        return min(LARGEST_SIDE, max(self._video.hw))

    def fill(self) -> None:
        """Decode everything that may be held. Damage ends it silently: it is told to whoever asks for that frame."""
        with suppress(MediaError):
            for k, picture in enumerate(self._video.frames()):
                if self._bytes + len(self._hold(k, picture)) > HELD_BYTES:
                    return

    def _seek(self, k: int) -> np.ndarray:
        if not self._next <= k < self._next + LOOK_AHEAD:
            backward = 0 < self._next - k <= LOOK_AHEAD
            self._next = max(0, k - LOOK_BACK) if backward else k
            self._stream = self._video.frames(self._next)
        missing, self._next = range(self._next, k + 1), ENDED
        for at in missing:
            encoded = self._hold(at, next(self._stream))
        self._next = k + 1
        return encoded

    def _hold(self, k: int, picture: np.ndarray) -> np.ndarray:
        small = fitted(picture, LARGEST_SIDE)
        _, encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        with self._holding:
            before = self._held.get(k)
            self._held[k] = encoded
            self._bytes += len(encoded) - (0 if before is None else len(before))
            while self._bytes > HELD_BYTES and len(self._held) > 1:
                self._bytes -= len(self._held.popitem(last=False)[1])
        return encoded

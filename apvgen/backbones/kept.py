"""Finished latents in a folder, so that after an edit only the frames that it touched are sampled again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from apvgen.backbones.protocol import Shot
from apvgen.files import complete_or_absent
from apvgen.sampler.rerender import Held, changed_pictures
from apvgen.sampler.settings import Decoding
from apvgen.types import Motion, Reference

FILE = "latents.safetensors"


@dataclass(frozen=True)
class Ticket:
    """What finished latents belong to.

    made_by: hash of all that changes every frame: weights, settings, reference. poses: hash of each frame's pose.
    """

    made_by: str
    poses: tuple[str, ...]


def ticket_for(shot: Shot, window: range, made_by: Mapping[str, object]) -> Ticket:
    """The ticket of a render. made_by: plain JSON values that name weights and settings."""
    whole = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode())
    whole.update(reference_bytes(shot.reference))
    return Ticket(whole.hexdigest(), tuple(_pose_hash(shot.motion, t) for t in window))


def save_latents(folder: Path, latents: torch.Tensor, ticket: Ticket) -> None:
    """Keep the latents of a whole sequence, float32 `[F, 4, h, w]`. Raises OutputError."""
    metadata = {"made_by": ticket.made_by, "poses": json.dumps(ticket.poses)}
    with complete_or_absent(folder / FILE) as temporary:
        save_file({"latents": latents.float().cpu().contiguous()}, temporary, metadata)


def held_from(folder: Path, ticket: Ticket, decoding: Decoding) -> Held | None:
    """What an earlier render of the folder can lend to this one: None where it had other weights, settings or length.

    Frames whose pose changed are sampled anew, and so are all that the decoder sees together with them.
    """
    try:
        with safe_open(folder / FILE, "pt") as stored:
            metadata = stored.metadata() or {}
            poses = json.loads(metadata.get("poses", "[]"))
            if metadata.get("made_by") != ticket.made_by or len(poses) != len(ticket.poses):
                return None
            latents = stored.get_tensor("latents")
    except (OSError, SafetensorError, ValueError):
        return None  # absent or damaged: the whole clip is rendered, as if for the first time
    changed = np.array([False, *(old != new for old, new in zip(poses, ticket.poses, strict=True))])
    redo = changed_pictures(changed, decoding)
    redo[0] = False
    return Held(latents, redo)


def reference_bytes(reference: Reference) -> bytes:
    """All of a reference that a render looks at."""
    return reference.image.tobytes() + _pose_bytes(reference.motion, 0)


def _pose_hash(motion: Motion, t: int) -> str:
    return hashlib.sha256(_pose_bytes(motion, t)).hexdigest()[:16]


def _pose_bytes(motion: Motion, t: int) -> bytes:
    parts = (motion.body, motion.hands, motion.face)
    return b"".join(array.tobytes() for part in parts for array in (part.xy[t], part.score[t]))

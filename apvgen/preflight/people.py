"""Is somebody else in the driving video, and close enough to be mistaken for the person?"""

from __future__ import annotations

import numpy as np

from apvgen.keypoints.quest import LEAST_APART, apart
from apvgen.preflight.finding import Case, Finding, capital, runs, where


def check_people(case: Case) -> Finding | None:
    """value: share of frames with somebody else. None where nothing is known, as with a motion file.

    Red where two boxes are less than `LEAST_APART` apart. Measured by moving one of two real people step by step in
    front of the other: from 0.33 on, every face and the median body point stayed where it was found alone; at about
    0.25 the two became one person, whose face was lost.
    """
    boxes = case.analysis.people
    if boxes is None or not len(boxes):
        return None
    fps, person = case.options.fps, min(case.options.person, len(boxes) - 1)
    others = np.delete(boxes, person, 0)
    crowded = np.isfinite(others).all(-1).any(0)
    share = float(crowded.mean())
    if not crowded.any():
        return Finding("green", "people", "Only one person is in the driving video.", value=share)
    near = (np.abs(apart(boxes[person], others)).max(-1) < LEAST_APART).any(0)
    follows = f"person {person} is followed, of {len(boxes)} numbered from 0 by size"
    if near.any():
        sentence = (
            f"{capital(where(near, fps))} somebody else is in front of or behind the person ({follows}), and points "
            "may jump from one to the other; look at these frames, or cut them out."
        )
        return Finding("red", "people", sentence, runs(near), share)
    sentence = (
        f"{capital(where(crowded, fps))} there are several people ({follows}); make sure that it is the right one."
    )
    return Finding("amber", "people", sentence, runs(crowded), share)

"""Are the faces large enough, do the two people have the same proportions, does the pose stay in the picture?"""

from __future__ import annotations

import numpy as np

from apvgen import fda
from apvgen.preflight.finding import (
    Case,
    Finding,
    about_frames,
    level_above,
    level_below,
    median_height,
)
from apvgen.types import Track

DRIVING_AMBER, DRIVING_RED = 40, 16
"""Pixels of a face's height in the driving video. Measured on a dancer and a talker, shrunk step by step: below 40 px
landmarks are off by more than 1.5 % of the face and its size flickers by 0.5 %, below 16 px by 5 % and 1.4 %, and faces
begin to be missed."""

LIPS_AMBER, LIPS_RED = 4, 2
"""Pixels of the drawn mouth's opening when the voice opens it wide. Measured on drawn pose pictures: below 2 px (two
lines of 2 px on each other) they hardly change with the mouth; a video model's latent is 8 px, so below 4 px the
mouth is less than half of one."""

WIDE = 0.9
"""Quantile of the lips' opening that counts as wide. Measured on four voices: 0.047 to 0.069 of the face's height."""

PROPORTIONS_AMBER, PROPORTIONS_RED = 1.15, 1.5
"""Ratio, either way round, of the driving person's measures, fitted, to the photo's. Measured: a dancer and a photo
that suit each other 1.1, a talker and a photo of other framing 1.2 for the shoulders and 1.34 for the face, which
shows. The network saw faces vary by 1.14 in training (`fda.DELTA` to `fda.MEAN_A`)."""

OUTSIDE_AMBER, OUTSIDE_RED = 0.02, 0.1
"""Shares of frames whose face is cut. As for frames without a face, the lips are lost there."""

LIPS_KEPT_AMBER, LIPS_KEPT_RED = 0.9, 0.6
"""Measured: the steady alignment keeps 1.0 on real media, the paper's 0.98."""

_CUT = 0.25
"""Share of a face's points beyond the picture's edge from which the face counts as cut."""

_R_SHOULDER, _L_SHOULDER = 2, 5


def check_face_size(case: Case) -> Finding:
    """value: height in pixels of the face in the result."""
    drawn, driving = case.face_height, median_height(case.analysis.driving.face)
    if not np.isfinite(drawn):
        return Finding("red", "face size", "No face is drawn at all; use another driving video.")
    gaps = fda.lip_gap(case.alignment.target.face.xy)
    opening = float(np.quantile(gaps[np.isfinite(gaps)], WIDE))
    sizes = f"The face is {drawn:.0f} px tall in the result and {driving:.0f} px in the driving video"
    if np.isfinite(driving) and driving < DRIVING_AMBER:
        level = level_below(driving, DRIVING_AMBER, DRIVING_RED)
        return Finding(level, "face size", f"{sizes}, too few to follow it well; film it closer.", value=drawn)
    mouth = f"the mouth opens by {opening:.1f} px"
    level = level_below(opening, LIPS_AMBER, LIPS_RED)
    if level == "green":
        return Finding(level, "face size", f"{sizes}; {mouth}.", value=drawn)
    sentence = f"{sizes}; {mouth}, which hardly shows: use a larger size or a photo that shows the head larger."
    return Finding(level, "face size", sentence, value=drawn)


def check_proportions(case: Case) -> Finding:
    """value: the ratio that is furthest from 1, driving person to photo, after fitting.

    Head and shoulders only: they are seen from the front in photos and videos, while limbs point anywhere.
    """
    target, reference = case.alignment.target, case.analysis.reference
    measures = {
        "head": (median_height(target.face), median_height(reference.face)),
        "shoulders": (_shoulders(target.body), _shoulders(reference.body)),
    }
    ratios = {name: mine / photo for name, (mine, photo) in measures.items() if mine > 0 and photo > 0}
    if not ratios:
        return Finding("green", "proportions", "Too little of both people is seen to compare their proportions.")
    name, ratio = max(ratios.items(), key=lambda item: abs(np.log(item[1])))
    level = level_above(max(ratio, 1 / ratio), PROPORTIONS_AMBER, PROPORTIONS_RED)
    verb = "is" if name == "head" else "are"
    if level == "green":
        return Finding(level, "proportions", "Head and shoulders fit the photo.", value=ratio)
    way = "larger" if ratio > 1 else "smaller"
    sentence = (
        f"The moving {name} {verb} {100 * abs(ratio - 1):.0f} % {way} than the photo's, so the person may change; "
        "use a photo and a video taken from the same distance and side, or correct the face's size in the adjust panel."
    )
    return Finding(level, "proportions", sentence, value=ratio)


def check_framing(case: Case) -> Finding:
    """value: share of frames whose face is cut by the picture's edge."""
    face = case.alignment.target.face
    width_height = np.array(face.hw[::-1])
    beyond = ((face.xy < 0) | (face.xy >= width_height)).any(-1) & face.seen
    cut = beyond.mean(1) > _CUT
    told = (
        "the face leaves the picture; use a photo with more room around the head, or cut that part out of the driving "
        "video."
    )
    fine = "The face stays inside the picture."
    return about_frames("framing", cut, case.options.fps, fine, told, (OUTSIDE_AMBER, OUTSIDE_RED))


def check_lips(case: Case) -> Finding:
    """value: share of the voice's lip opening that the alignment kept."""
    kept = case.alignment.lip_gap_kept
    if not np.isfinite(kept):
        return Finding("amber", "lips", "The voice never opens the mouth; check that the right recording was given.")
    level = level_below(kept, LIPS_KEPT_AMBER, LIPS_KEPT_RED)
    much = f"{100 * min(kept, 9.99):.0f} % of what the voice asks for"
    advice = "" if level == "green" else "; choose the steady face alignment"
    return Finding(level, "lips", f"The lips open by {much}{advice}.", value=kept)


def _shoulders(body: Track) -> float:
    """Width in pixels, NaN where unknown: what is seen nearly always, for a turned person's shoulders look narrower."""
    widths = np.linalg.norm(body.xy[:, _R_SHOULDER] - body.xy[:, _L_SHOULDER], axis=-1)
    known = widths[np.isfinite(widths)]
    return float(np.quantile(known, WIDE)) if len(known) else float("nan")

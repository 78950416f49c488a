"""Is there a face, a body, are there hands in every frame, and can the hands be trusted?"""

from __future__ import annotations

import numpy as np

from apvgen.preflight.finding import Case, Finding, about_frames, capital, level_above, runs, where

MISSING_RED = 0.1
"""Share of frames. Measured on three voices: lips that rest in a tenth of the frames correlate with the whole ones by
0.9, as much harm as music 10 dB below the voice does (`sound.py`)."""

HANDS_AMBER, HANDS_RED = 0.05, 0.5
"""Shares of the frames whose hand is in the picture. Measured: of a dancer with one hand in fast motion and half out
of the picture 0.06 to 0.09, of a resting hand 0."""

WRIST_SCORE = 0.5
"""A wrist with a higher score is in the picture and not behind the body."""

UNSURE_MEDIAPIPE, UNSURE_OTHER = 0.9, 0.5
"""Hand scores. Measured with MediaPipe on a dance: from one frame to the next hands below 0.9 change shape by 21 % of
the face's height, those above by 3 %. Not measured for others: halfway."""
UNSURE_AMBER, UNSURE_RED = 0.05, 0.5
"""Shares of the frames that draw a hand. Measured: of the dance 0.15, of its resting hand 0.01."""

_WRISTS = (7, 4)


def check_face(case: Case) -> Finding:
    """value: share of frames in which no face is drawn."""
    missing = ~case.alignment.target.face.frames_seen
    told = (
        "no face is found, so the mouth cannot speak there; fill the gap in the adjust panel, or use a driving video "
        "that faces the camera."
    )
    fine = "A face is found in every frame."
    return about_frames("face", missing, case.options.fps, fine, told, (0, MISSING_RED))


def check_body(case: Case) -> Finding:
    """value: share of frames in which no body is drawn."""
    missing = ~case.alignment.target.body.frames_seen
    told = (
        "no body is found, and the renderer does not know where the person is; cut that part out of the driving video."
    )
    fine = "A body is found in every frame."
    return about_frames("body", missing, case.options.fps, fine, told, (0, MISSING_RED))


def check_hands(case: Case) -> Finding:
    """value: share of the frames with a hand in the picture, left or right, in which that hand is not found."""
    body, hands = case.analysis.driving.body, case.alignment.target.hands
    found = hands.seen.any(-1)
    expected = found | (body.seen[:, _WRISTS] & (body.score[:, _WRISTS] > WRIST_SCORE))
    missing = (expected & ~found).any(-1)
    if not expected.any():
        return Finding("green", "hands", "No hands are in the picture.")
    share = float((expected & ~found).sum(0).max() / expected.any(-1).sum())
    if not missing.any():
        return Finding("green", "hands", "Every hand in the picture is found.", value=share)
    level = level_above(share, HANDS_AMBER, HANDS_RED)
    invented = " the renderer invents its fingers there:" if case.renderer == "diffusion" else ""
    advice = "" if level == "green" else f";{invented} check these frames, or light hands better"
    sentence = f"{capital(where(missing, case.options.fps))} a hand in the picture is not found{advice}."
    return Finding(level, "hands", sentence, runs(missing), share)


def check_hand_confidence(case: Case) -> Finding:
    """value: share of the frames with a hand in which the detector is unsure of one."""
    hands = case.alignment.target.hands
    found = hands.seen.any(-1)
    if not found.any():
        return Finding("green", "hand confidence", "No hands are drawn.")
    limit = UNSURE_MEDIAPIPE if case.detector.startswith("mediapipe") else UNSURE_OTHER
    points = np.maximum(hands.seen.sum(-1), 1)
    score = np.where(hands.seen, hands.score, 0).sum(-1) / points
    unsure = (found & (score < limit)).any(-1)
    share = float(unsure.sum() / found.any(-1).sum())
    level = level_above(share, UNSURE_AMBER, UNSURE_RED)
    if not unsure.any():
        return Finding(level, "hand confidence", "The detector is sure of every hand that is drawn.", value=share)
    advice = "" if level == "green" else "; hide or correct the hands that look wrong"
    sentence = f"{capital(where(unsure, case.options.fps))} the detector is unsure of a hand{advice}."
    return Finding(level, "hand confidence", sentence, runs(unsure), share)

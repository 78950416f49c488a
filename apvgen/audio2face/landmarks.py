"""Names for the points of MediaPipe's face mesh that the voice model moves.

Numbers from google-ai-edge/mediapipe, mediapipe/python/solutions/face_mesh_connections.py and the canonical face model.
All chains run from the left of the picture to its right on a face seen from the front.
"""

from __future__ import annotations

import numpy as np

POINTS = 468
FOREHEAD, CHIN = 10, 152
NOSE_TIP, NOSE_BASE = 1, 2
MOUTH_LEFT, MOUTH_RIGHT = 61, 291
LIP_UPPER, LIP_LOWER = 13, 14
EYE_OUTER_LEFT, EYE_OUTER_RIGHT = 33, 263
EAR_LEFT, EAR_RIGHT = 234, 454

MIRRORED_PAIRS = np.array(
    [(33, 263), (133, 362), (234, 454), (127, 356), (61, 291), (105, 334),
     (172, 397), (58, 288), (98, 327), (50, 280), (54, 284), (149, 378)]
)  # fmt: skip
"""`[12, 2]`: (left, right in the picture), far enough apart to show which way the face looks."""

INNER_UPPER = np.array([191, 80, 81, 82, 13, 312, 311, 310, 415])
INNER_LOWER = np.array([95, 88, 178, 87, 14, 317, 402, 318, 324])
"""The edges between which the mouth opens, without the corners; the k-th of each meet when it closes."""
UPPER_RINGS = np.array(
    [[183, 42, 41, 38, 12, 268, 271, 272, 407],
     [184, 74, 73, 72, 11, 302, 303, 304, 408],
     [185, 40, 39, 37, 0, 267, 269, 270, 409]]
)  # fmt: skip
LOWER_RINGS = np.array(
    [[96, 89, 179, 86, 15, 316, 403, 319, 325],
     [77, 90, 180, 85, 16, 315, 404, 320, 307],
     [146, 91, 181, 84, 17, 314, 405, 321, 375]]
)  # fmt: skip
"""`[3, 9]`: the rest of each lip, from the inner edge to its outline."""
CORNERS_LEFT, CORNERS_RIGHT = np.array([61, 76, 62, 78]), np.array([291, 306, 292, 308])

UPPER_LIDS = np.array([246, 161, 160, 159, 158, 157, 173, 398, 384, 385, 386, 387, 388, 466])
LOWER_LIDS = np.array([7, 163, 144, 145, 153, 154, 155, 382, 381, 380, 374, 373, 390, 249])
EYE_CORNERS = np.array([33, 133, 362, 263])
BROWS = np.array([70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 336, 296, 334, 293, 300, 285, 295, 282, 283, 276])

LIPS = np.concatenate([INNER_UPPER, INNER_LOWER, UPPER_RINGS.ravel(), LOWER_RINGS.ravel(), CORNERS_LEFT, CORNERS_RIGHT])

"""Skeleton tables: which point is which, how points are joined and coloured, how one layout maps onto another.

Colours are (r, g, b) of the picture that a network receives.
"""

import colorsys

from apvgen.types import Layout

BODY18_LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10),
    (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
"""OpenPose-18: nose, neck, right shoulder/elbow/wrist, left arm, right hip/knee/ankle, left leg, eyes, ears (r, l)."""

BODY18_MIRRORED = (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16)
"""For each joint the same one of the other side."""

HAND21_LIMBS = tuple((0 if k % 4 == 0 else k + finger * 4, k + 1 + finger * 4) for finger in range(5) for k in range(4))
"""Wrist, then four joints for each finger from the thumb."""

BODY18 = Layout("body18", (18,), BODY18_LIMBS)
HANDS = Layout("hands", (2, 21), HAND21_LIMBS)
FACE478 = Layout("face478", (478,))
FACE468 = Layout("face468", (468,))

BODY18_COLOURS = (
    (0, 0, 255), (0, 85, 255), (0, 170, 255), (0, 255, 255), (0, 255, 170), (0, 255, 85), (0, 255, 0), (85, 255, 0),
    (170, 255, 0), (255, 255, 0), (255, 170, 0), (255, 85, 0), (255, 0, 0), (255, 0, 85), (255, 0, 170), (255, 0, 255),
    (170, 0, 255), (85, 0, 255),
)  # fmt: skip
"""One colour for each joint and, from the start again, for each limb: OpenPose's table with red and blue exchanged,
as in the pictures that ControlNeXt-SVD-v2 was trained on (dvlab-research/ControlNeXt, `ControlNeXt-SVD-v2/dwpose/`)."""

HAND21_COLOURS = tuple(colorsys.hsv_to_rgb(limb / 20, 1, 1)[::-1] for limb in range(20))
"""One colour for each limb, floats in [0, 1]: the hue circle with red and blue exchanged (same source)."""

FACE468_MIDDLE = (0, 1, 2, 4, 5, 6, *range(8, 20), 94, 151, 152, 164, 168, 175, 195, 197, 199, 200)
"""The points of the face mesh between its sides. The other 220 below 248 are the person's right side; from 248 on
follows the left side, in the same order (MediaPipe's canonical face, which is symmetric)."""

_FACE_RIGHT = tuple(k for k in range(248) if k not in FACE468_MIDDLE)

FACE468_MIRRORED = tuple(
    k if k in FACE468_MIDDLE else 248 + _FACE_RIGHT.index(k) if k < 248 else _FACE_RIGHT[k - 248] for k in range(468)
)
"""For each point of the face mesh the same one of the other side."""

FACE_MESH_EDGES = (
    ((10, 200, 10), (
        (176, 149), (150, 136), (356, 454), (58, 132), (152, 148), (361, 288), (251, 389), (132, 93), (389, 356),
        (400, 377), (136, 172), (377, 152), (323, 361), (172, 58), (454, 323), (365, 379), (379, 378), (148, 176),
        (93, 234), (397, 365), (149, 150), (288, 397), (234, 127), (378, 400), (127, 162), (162, 21),
    )),
    ((180, 200, 10), (
        (374, 380), (390, 373), (249, 390), (385, 384), (373, 374), (263, 466), (387, 386), (381, 382), (384, 398),
        (466, 388), (386, 385), (388, 387), (263, 249), (380, 381), (398, 362), (382, 362),
    )),
    ((180, 220, 10), (
        (334, 296), (276, 283), (293, 334), (295, 285), (296, 336), (282, 295), (283, 282), (300, 293),
    )),
    ((10, 200, 180), (
        (154, 155), (33, 7), (246, 161), (159, 158), (144, 145), (173, 133), (158, 157), (163, 144), (153, 154), (7,
        163), (161, 160), (157, 173), (33, 246), (160, 159), (145, 153), (155, 133),
    )),
    ((10, 220, 180), (
        (46, 53), (66, 107), (52, 65), (53, 52), (63, 105), (70, 63), (65, 55), (105, 66),
    )),
    ((10, 180, 20), (
        (61, 146), (146, 91), (91, 181), (181, 84), (84, 17),
    )),
    ((20, 10, 180), (
        (17, 314), (314, 405), (405, 321), (321, 375), (375, 291),
    )),
    ((100, 100, 30), (
        (78, 95), (95, 88), (88, 178), (178, 87), (87, 14),
    )),
    ((100, 150, 50), (
        (14, 317), (317, 402), (402, 318), (318, 324), (324, 308),
    )),
    ((20, 80, 100), (
        (61, 185), (185, 40), (40, 39), (39, 37), (37, 0),
    )),
    ((80, 100, 20), (
        (0, 267), (267, 269), (269, 270), (270, 409), (409, 291),
    )),
    ((120, 100, 200), (
        (78, 191), (191, 80), (80, 81), (81, 82), (82, 13),
    )),
    ((150, 120, 100), (
        (13, 312), (312, 311), (311, 310), (310, 415), (415, 308),
    )),
)  # fmt: skip
"""(colour, pairs of face mesh points) in drawing order, 114 lines in all: MediaPipe's FACEMESH_* contours with the
colours of Zejun-Yang/AniPortrait, `src/utils/draw_util.py` at 7f6593f. A set's order, so it follows no outline."""

FACE68_FROM_MESH = (
    (127, 127), (234, 234), (93, 93), (132, 58), (58, 172), (136, 136), (150, 150), (176, 176), (152, 152),
    (400, 400), (379, 379), (365, 365), (288, 397), (361, 288), (323, 323), (454, 454), (356, 356),
    (70, 70), (63, 63), (105, 105), (66, 66), (107, 107), (336, 336), (296, 296), (334, 334), (293, 293), (300, 300),
    (168, 6), (197, 195), (5, 5), (4, 4), (75, 75), (97, 97), (2, 2), (326, 326), (305, 305),
    (33, 33), (160, 160), (158, 158), (133, 133), (153, 153), (144, 144),
    (362, 362), (385, 385), (387, 387), (263, 263), (373, 373), (380, 380),
    (61, 61), (39, 39), (37, 37), (0, 0), (267, 267), (269, 269), (291, 291), (321, 321), (314, 314), (17, 17),
    (84, 84), (91, 91), (78, 78), (82, 82), (13, 13), (312, 312), (308, 308), (317, 317), (14, 14), (87, 87),
)  # fmt: skip
"""The two mesh points whose mean is each point of iBUG-68: jaw, brows, nose, eyes, outer lips, inner lips, each from
the person's right. After PeizhiYan/Mediapipe_2_Dlib_Landmarks, the right side of the jaw mirrored onto the left."""

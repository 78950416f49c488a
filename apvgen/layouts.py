"""Skeleton tables: which point is which, how points are joined, how one layout maps onto another."""

from apvgen.types import Layout

BODY18_LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10),
    (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
"""OpenPose-18: nose, neck, right shoulder/elbow/wrist, left arm, right hip/knee/ankle, left leg, eyes, ears (r, l)."""

HAND21_LIMBS = tuple((0 if k % 4 == 0 else k + finger * 4, k + 1 + finger * 4) for finger in range(5) for k in range(4))
"""Wrist, then four joints for each finger from the thumb."""

BODY18 = Layout("body18", (18,), BODY18_LIMBS)
HANDS = Layout("hands", (2, 21), HAND21_LIMBS)
FACE478 = Layout("face478", (478,))
FACE468 = Layout("face468", (468,))

"""A person's face mesh, seen from the front with its mouth shut, and how articulation moves it.

Coordinates: the unit of the mesh given (pixels), x right, y down, z away from the camera, origin inside the head
between eyes and ears. Lengths are shares of the face's own height (forehead to chin), so that every face moves in
proportion.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apvgen.audio2face import landmarks as lm
from apvgen.errors import InputError, MissingModelError, NoPersonError

BASIS_FILE = "face_basis.safetensors"
_FIELDS = {"jaw": 1, "lips": 1, "brows": 1, "upper_lip": 9, "lower_lip": 9, "upper_lids": 14, "lower_lids": 14}
"""The fields of `train.voice_basis`, each float32 `[468, n]`."""

_WIDEST_GAP = 0.15
"""Inner-lip gap at opening 1, in face heights; on video, loud open vowels reach 0.12."""
_JAW_ANGLE = 0.17
"""Radians the jaw turns at jaw 1: 10 degrees lowers the chin by about 0.1 face heights."""
_LIP_ZONE = (1 - np.linspace(-0.8, 0.8, lm.INNER_UPPER.size) ** 2) ** 0.7
"""`[9]`: share of the gap that each inner pair opens: a lens between the corners."""
_SMILE_GAP = 0.04
"""Face heights by which a smile parts the lips without the jaw."""
_LOWER_SHARE = 0.62
"""The lower lip does this much of what the lips do to open or shut beyond the jaw."""
_ROUND_NARROWING, _ROUND_PROTRUSION = 0.27, 0.035
"""Shares of the mouth's width, and face heights towards the camera."""
_SPREAD_WIDENING, _SPREAD_RETRACTION = 0.13, 0.01
_PRESS_THINNING = 0.2
_TUCK_RAISE, _TUCK_GAP, _TUCK_RETRACTION = 0.016, 0.008, 0.012
_LID_CLOSURE, _LOWER_LID_SHARE = 0.96, 0.1
_BROW_RAISE = 0.022


def load_fields(folder: Path) -> dict[str, np.ndarray]:
    """The fields by name. Raises MissingModelError when the file is absent, damaged or holds others."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / BASIS_FILE
    if not path.is_file():
        raise MissingModelError(
            f"{path} is absent: install the program again, or make it with python -m train.voice_train"
        )
    try:
        fields = load_file(path)
    except SafetensorError as error:
        raise MissingModelError(f"{path} is damaged ({error}): install the program again") from error
    if {name: field.shape for name, field in fields.items()} != {name: (lm.POINTS, n) for name, n in _FIELDS.items()}:
        raise MissingModelError(f"{path} does not hold the fields this version needs: install the program again")
    return fields


def complete_mesh(face: np.ndarray) -> np.ndarray:
    """float64 `[468, 3]`: the mesh without irises. Raises InputError for another shape, NoPersonError for gaps."""
    if face.shape not in ((lm.POINTS, 3), (478, 3)):
        raise InputError(f"a face mesh has 468 or 478 points of x, y, depth, not the shape {list(face.shape)}")
    points = face[: lm.POINTS].astype(np.float64)
    if not np.isfinite(points).all():
        raise NoPersonError("the reference picture has no complete face: choose one in which the whole face is seen")
    return points


def lip_gap(vertices: np.ndarray) -> np.ndarray:
    """`[T]`: distance between the middles of the inner lips of frontal meshes `[T, 468, 3]`, in their own unit."""
    return np.linalg.norm(vertices[:, lm.LIP_LOWER, :2] - vertices[:, lm.LIP_UPPER, :2], axis=1)


def frontal(face: np.ndarray) -> np.ndarray:
    """float64 `[468, 3]`: the mesh turned to face the camera, about its own centre.

    Across = the principal direction of the lines between mirrored points; down = forehead to chin, made square to it
    (the two are at one depth in MediaPipe's canonical face). Raises InputError for another shape, NoPersonError for a
    mesh with gaps.
    """
    points = complete_mesh(face)
    left, right = points[lm.MIRRORED_PAIRS].swapaxes(0, 1)
    across = np.linalg.svd(right - left)[2][0]
    across *= np.sign(across @ (right - left).sum(0))
    down = points[lm.CHIN] - points[lm.FOREHEAD]
    down -= (down @ across) * across
    height = np.linalg.norm(down)
    if height < 1e-6 or not np.linalg.norm(across):
        raise NoPersonError("the reference picture's face mesh is a single point: choose a larger or clearer face")
    down /= height
    axes = np.stack([across, down, np.cross(across, down)])
    return (points - points[[lm.EAR_LEFT, lm.EAR_RIGHT, lm.EYE_OUTER_LEFT, lm.EYE_OUTER_RIGHT]].mean(0)) @ axes.T


@dataclass(frozen=True)
class FaceRig:
    """One person's mesh at rest and the fields that move it.

    rest: float64 `[468, 3]`, frontal, lips just touching. fields: see `train.voice_basis`.
    """

    rest: np.ndarray
    fields: dict[str, np.ndarray]

    @classmethod
    def of(cls, face: np.ndarray, fields: dict[str, np.ndarray]) -> FaceRig:
        """The rig of the person whose mesh `[468 or 478, 3]` was seen in any pose, mouth open or shut."""
        straight = cls(frontal(face), fields)
        shut = straight._lower_jaw(straight.rest[None], -straight._open_jaw()[None])
        return cls(straight._set_gaps(shut, np.zeros((1, _LIP_ZONE.size)), np.full(1, 0.5))[0], fields)

    @property
    def height(self) -> float:
        """Forehead to chin."""
        return float(self.rest[lm.CHIN, 1] - self.rest[lm.FOREHEAD, 1])

    def articulate(self, mouth: np.ndarray) -> np.ndarray:
        """float64 `[T, 468, 3]` for articulation `[T, len(CHANNELS)]`."""
        opening, jaw, rounding, spread, press, tuck = mouth.astype(np.float64).T
        moved = self._lower_jaw(np.repeat(self.rest[None], len(mouth), 0), jaw * _JAW_ANGLE)
        moved = self._shape_lips(moved, rounding, spread, tuck)
        gap = _WIDEST_GAP * opening * (1 - press) * (1 - tuck) + _TUCK_GAP * tuck
        moved = self._set_gaps(moved, self.height * gap[:, None] * _LIP_ZONE, _LOWER_SHARE + (1 - _LOWER_SHARE) * tuck)
        return self._press_lips(moved, press)

    def gap(self, vertices: np.ndarray) -> np.ndarray:
        """`[T]`: distance between the middles of the inner lips over the height of the face at rest."""
        return lip_gap(vertices) / self.height

    def close_lids(self, vertices: np.ndarray, closure: np.ndarray) -> np.ndarray:
        """Move both eyes' lids together by `closure` `[T]` in [0, 1]."""
        aperture = (self.rest[lm.LOWER_LIDS] - self.rest[lm.UPPER_LIDS]) * _LID_CLOSURE
        upper = self.fields["upper_lids"] @ (aperture * (1 - _LOWER_LID_SHARE))
        lower = self.fields["lower_lids"] @ (-aperture * _LOWER_LID_SHARE)
        return vertices + closure[:, None, None] * (upper + lower)

    def raise_brows(self, vertices: np.ndarray, amount: np.ndarray) -> np.ndarray:
        """Lift the brows by `amount` `[T]`: 1 is clearly raised, negative is lowered."""
        lifted = vertices.copy()
        lifted[..., 1] -= _BROW_RAISE * self.height * amount[:, None] * self.fields["brows"][:, 0]
        return lifted

    def _open_jaw(self) -> np.ndarray:
        """Radians by which the jaw seems to be open in the mesh as it is; a smile parts the lips without it."""
        gap = self.rest[lm.LIP_LOWER, 1] - self.rest[lm.LIP_UPPER, 1]
        from_jaw = np.clip(gap / self.height - _SMILE_GAP, 0, _WIDEST_GAP)
        return from_jaw / _WIDEST_GAP * _JAW_ANGLE

    def _lower_jaw(self, vertices: np.ndarray, angle: np.ndarray) -> np.ndarray:
        """Turn what follows the jaw about the line through both ears; a positive `angle` `[T]` in radians opens."""
        pivot = (self.rest[lm.EAR_LEFT] + self.rest[lm.EAR_RIGHT])[1:] / 2
        y, z = np.moveaxis(vertices[..., 1:] - pivot, -1, 0)
        sine, cosine = np.sin(angle)[:, None], np.cos(angle)[:, None]
        turned = np.stack([cosine * y - sine * z, sine * y + cosine * z], axis=-1) + pivot
        moved = vertices.copy()
        moved[..., 1:] += self.fields["jaw"] * (turned - vertices[..., 1:])
        return moved

    def _shape_lips(
        self, vertices: np.ndarray, rounding: np.ndarray, spread: np.ndarray, tuck: np.ndarray
    ) -> np.ndarray:
        lips = self.fields["lips"][:, 0]
        middle = self.rest[[lm.MOUTH_LEFT, lm.MOUTH_RIGHT], 0].mean()
        widening = _SPREAD_WIDENING * spread - _ROUND_NARROWING * rounding
        forward = _ROUND_PROTRUSION * rounding - _SPREAD_RETRACTION * spread
        moved = vertices.copy()
        moved[..., 0] += widening[:, None] * lips * (vertices[..., 0] - middle)
        moved[..., 2] -= forward[:, None] * lips * self.height
        lower, upper = (self.fields[f"{lip}_lip"].sum(1) for lip in ("lower", "upper"))
        moved[..., 2] += _TUCK_RETRACTION * self.height * tuck[:, None] * lower
        moved[..., 1] -= _TUCK_RAISE * self.height * tuck[:, None] * upper
        return moved

    def _set_gaps(self, vertices: np.ndarray, gaps: np.ndarray, lower_share: np.ndarray) -> np.ndarray:
        """Move the lips alone, in y, until the inner pairs are `gaps` `[T, 9]` apart."""
        missing = gaps - (vertices[:, lm.INNER_LOWER, 1] - vertices[:, lm.INNER_UPPER, 1])
        share = lower_share[:, None]
        moved = vertices.copy()
        moved[..., 1] += (share * missing) @ self.fields["lower_lip"].T
        moved[..., 1] -= ((1 - share) * missing) @ self.fields["upper_lip"].T
        return moved

    def _press_lips(self, vertices: np.ndarray, press: np.ndarray) -> np.ndarray:
        """Roll the lips in: their red gets thinner on both sides of the line where they meet."""
        moved = vertices.copy()
        for inner, rings in ((lm.INNER_UPPER, lm.UPPER_RINGS), (lm.INNER_LOWER, lm.LOWER_RINGS)):
            for ring in rings:
                thickness = vertices[:, ring, 1] - vertices[:, inner, 1]
                moved[:, ring, 1] -= _PRESS_THINNING * press[:, None] * thickness
        return moved

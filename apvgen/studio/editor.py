"""The picture in which points are dragged: the driving frame, and what is drawn over it, as an SVG."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from apvgen.edits.operations import part_of
from apvgen.edits.points import Part
from apvgen.edits.words import point_name
from apvgen.errors import InputError
from apvgen.layouts import BODY18_LIMBS, FACE_MESH_EDGES, HAND21_LIMBS
from apvgen.studio import markup
from apvgen.studio.context import Studio
from apvgen.studio.viewer import Look, Viewer, open_viewer
from apvgen.types import HW

SIDE = 900
"""Longest side, px, of the picture behind the points."""

LIMBS: dict[Part, tuple[tuple[int, int], ...]] = {
    "body": BODY18_LIMBS,
    "left_hand": HAND21_LIMBS,
    "right_hand": HAND21_LIMBS,
    "face": tuple(pair for _, pairs in FACE_MESH_EDGES for pair in pairs),
}
RADII: dict[Part, float] = {"body": 0.011, "left_hand": 0.006, "right_hand": 0.006, "face": 0.0028}
"""Of a point, in shares of the longer side of what is shown."""

CLOSE: dict[str, tuple[Part, ...]] = {"face": ("face",), "left_hand": ("left_hand",), "right_hand": ("right_hand",)}
MARGIN = 0.35
"""Around a part that is shown close, in shares of its size."""

PARKED = 0.045
"""Distance of missing body points that wait at the left edge, in shares of the height."""


def editor(viewer: Viewer, t: int, parts: Sequence[Part], close: str) -> str:
    """The editor at frame `t`, with the points of `parts`; close: the part that fills the picture, or "all"."""
    spec = {"project": viewer.made.folder.name, "state": viewer.written, "parts": list(parts), "close": close}
    return (
        f'<div class="editor" data-spec="{escape(json.dumps(spec))}" data-at="{t}">'
        f"{canvas(viewer, t, parts, close)}</div>"
    )


def editor_frame(studio: Studio, spec: str = "", t: float = 0) -> dict[str, str]:
    """What the editor shows of another frame, as the page's script asks for it: `svg`.

    Nothing for a spec that `editor` cannot have written. Raises ProjectError, InputError.
    """
    asked = _read(spec)
    if asked is None:
        return {}
    name, parts, close = asked
    viewer = open_viewer(studio.store.folder(name))
    if not set(parts) <= set(LIMBS):
        raise InputError("Those are no parts of a person; reload the page.")
    return {"svg": canvas(viewer, viewer.inside(t), parts, close)}


def _read(spec: str) -> tuple[str, list[str], str] | None:
    """Project, parts and close part of a spec."""
    try:
        asked = json.loads(spec)
        return str(asked["project"]), [str(part) for part in asked["parts"]], str(asked["close"])
    except (TypeError, KeyError, ValueError):
        return None


def canvas(viewer: Viewer, t: int, parts: Sequence[Part], close: str) -> str:
    """An SVG in driving-video pixels. Every point is a circle with `data-part` and `data-point`."""
    hw = viewer.analysis.driving.hw
    look = Look(layers=("frame",), shots=(), zoom="all")
    picture = markup.data_url(viewer.pictures(look, t, SIDE)["motion"])
    left, top, width, height = box = _shown(viewer, t, close, hw)
    drawn = "".join(piece for part in parts for piece in _part(viewer, t, part, box))
    return (
        f'<svg viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" role="img" aria-label="Points of frame {t}">'
        f'<image href="{picture}" width="{hw[1]}" height="{hw[0]}" preserveAspectRatio="none"/>{drawn}</svg>'
    )


def _shown(viewer: Viewer, t: int, close: str, hw: HW) -> tuple[float, float, float, float]:
    """Left, top, width and height of what is shown; the whole frame where the close part is missing."""
    places = [xy for part in CLOSE.get(close, ()) for xy in part_of(viewer.edited, part)[0][t]]
    known = np.array([xy for xy in places if np.isfinite(xy).all()])
    if len(known) < 2:
        return 0, 0, hw[1], hw[0]
    low, high = known.min(0), known.max(0)
    side = float((high - low).max()) * (1 + 2 * MARGIN)
    centre = (low + high) / 2
    return float(centre[0]) - side / 2, float(centre[1]) - side / 2, side, side


def _part(viewer: Viewer, t: int, part: Part, box: tuple[float, float, float, float]) -> Iterator[str]:
    places, seen = (values[t] for values in part_of(viewer.edited, part))
    radius = RADII[part] * max(box[2:])
    for start, end in LIMBS[part]:
        if seen[start] and seen[end]:
            (x1, y1), (x2, y2) = places[start], places[end]
            ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
            yield f'<line class="{part}" data-part="{part}" data-ends="{start} {end}" {ends}/>'
    parked = 0
    for point, (place, known) in enumerate(zip(places, seen, strict=True)):
        if known:
            yield _dot(part, point, place, radius, "")
        elif part == "body":
            parked += 1
            waiting = np.array([box[0] + 0.03 * box[2], box[1] + box[3] * PARKED * parked])
            yield _dot(part, point, waiting, radius, " missing")


def _dot(part: Part, point: int, place: np.ndarray, radius: float, state: str) -> str:
    name = point_name(part, point) + (", not found: drag it into the picture" if state else "")
    return (
        f'<circle class="{part}{state}" data-part="{part}" data-point="{point}" cx="{place[0]:.2f}" '
        f'cy="{place[1]:.2f}" r="{radius:.2f}"><title>{escape(name)}</title></circle>'
    )

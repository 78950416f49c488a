"""Edits in plain words, for lists and for the labels of undo and redo."""

from __future__ import annotations

from collections.abc import Iterator

from apvgen.edits import Bridge, Edits, Layer, Mirror, Override, PointEdit
from apvgen.edits.points import Part

BODY = (
    "nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist",
    "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
    "right eye", "left eye", "right ear", "left ear",
)  # fmt: skip
FINGERS = ("thumb", "index finger", "middle finger", "ring finger", "little finger")


def point_name(part: Part, point: int) -> str:
    """For example `left wrist`, or `tip of the right thumb`."""
    if part == "body":
        return BODY[point]
    if part == "face":
        return f"point {point} of the face"
    side = part.removesuffix("_hand")
    if point == 0:
        return f"wrist of the {side} hand"
    finger, joint = divmod(point - 1, 4)
    return f"{'tip' if joint == 3 else f'joint {joint + 1}'} of the {side} {FINGERS[finger]}"


def sentences(edits: Edits) -> Iterator[str]:
    """One for each edit, in the order of their effect."""
    yield from (_bridge(bridge) for bridge in edits.bridges)
    yield from (_key(key) for key in sorted(edits.face, key=lambda key: key.frame))
    yield from (layer_words(layer) for layer in edits.points)


def layer_words(layer: Layer) -> str:
    """What a layer does, for example `left wrist moved to (120, 88) in frame 5`."""
    if isinstance(layer, PointEdit):
        return _point(layer)
    where = in_frames(layer.first, layer.last)
    if isinstance(layer, Mirror):
        what = {"hands": "hands", "body": "sides of the body", "all": "sides of body and hands"}[layer.sides]
        return f"{what} {'mirrored' if layer.flip else 'exchanged'} in {where}"
    if layer.point is not None:
        return f"{point_name(layer.part, layer.point)} as found in {where}"
    return f"{layer.part.replace('_', ' ') if layer.part else 'all points'} as found in {where}"


def _point(edit: PointEdit) -> str:
    where = in_frames(max(0, edit.frame - edit.before), edit.frame + edit.after)
    name = point_name(edit.part, edit.point)
    if edit.xy is None:
        return f"{name} hidden in {where}"
    how = {"shift": "moved", "fade": "moved", "pin": "held"}[edit.spread]
    reach = "" if edit.before == edit.after == 0 else f" ({edit.spread} over {where})"
    return f"{name} {how} to ({edit.xy[0]:.0f}, {edit.xy[1]:.0f}) px in frame {edit.frame}{reach}"


def _key(key: Override) -> str:
    if not key.visible:
        return f"face hidden from frame {key.frame} on"
    size, shift = (
        " x ".join(_percent(side, sign) for side in sides) for sides, sign in ((key.scale, ""), (key.offset, "+"))
    )
    return f"face at frame {key.frame}: size {size}, shift {shift} of its size, rotation {key.rotation:+.1f} degrees"


def _percent(share: float, sign: str) -> str:
    return f"{100 * share:{sign}.0f} %"


def _bridge(bridge: Bridge) -> str:
    return f"gap of the face bridged in {in_frames(bridge.first, bridge.last)}"


def in_frames(first: int, last: int) -> str:
    """`frame 5`, or `frames 5 to 9`."""
    return f"frame {first}" if first == last else f"frames {first} to {last}"

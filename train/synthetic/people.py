"""Who lives in the world: everything that a person's looks depend on, drawn from a number.

The same number gives the same person on every machine. Lengths of bodies are shares of stature, of faces shares of the
face's height.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from train.synthetic.colours import IRISES, NATURAL_HAIR, RGB, SKINS, between, dyed, light, mix, shade, unlike

Split = Literal["train", "held_out"]
PEOPLE: Mapping[Split, range] = {"train": range(1_000_000), "held_out": range(1_000_000, 2_000_000)}
"""Numbers of the people that each split draws from."""

Fringe = Literal["none", "straight", "side", "parted", "spiky", "wispy"]
Length = Literal["cropped", "ear", "chin", "shoulder", "chest"]
Extra = Literal["none", "bun", "two_buns", "ponytail", "pigtails", "quiff", "curls"]
Lower = Literal["trousers", "shorts", "skirt", "dress"]
Pattern = Literal["plain", "stripes", "pinstripes", "dots", "print", "yoke", "buttons"]
Print = Literal["heart", "star", "circle", "bolt", "diamond"]
Neckline = Literal["round", "v", "collar", "turtleneck"]
Glasses = Literal["none", "round", "square"]
Hat = Literal["none", "cap", "beanie", "band"]
Beard = Literal["none", "stubble", "moustache", "full"]
Room = Literal["plain", "window", "panels", "shapes", "stage", "outdoors"]


@dataclass(frozen=True)
class Palette:
    """A person's colours."""

    skin: RGB
    lips: RGB
    hair: RGB
    iris: RGB
    upper: RGB
    upper_second: RGB
    lower: RGB
    shoes: RGB
    accent: RGB
    wall: RGB
    floor: RGB
    wall_second: RGB


@dataclass(frozen=True)
class FaceShape:
    """Factors (1 is MediaPipe's canonical face) and shifts of parts of the face; mouth_width in face heights."""

    width: float
    jaw: float
    chin: float
    eyes: float
    eye_height: float
    eye_spacing: float
    eye_tilt: float
    brow_lift: float
    brow_weight: float
    nose_width: float
    nose_length: float
    mouth_width: float
    lips: float
    smile: float
    lash: float
    freckles: bool


@dataclass(frozen=True)
class Hair:
    """volume: thickness over the skull. wave: of long hair, 0 straight. parting: -1 (right) to 1 (left)."""

    length: Length
    fringe: Fringe
    extra: Extra
    volume: float
    wave: float
    parting: float


@dataclass(frozen=True)
class Outfit:
    """sleeve: share of the arm that is covered. hem: share of the leg."""

    lower: Lower
    pattern: Pattern
    print_: Print
    neckline: Neckline
    sleeve: float
    hem: float
    looseness: float
    stripes: int


@dataclass(frozen=True)
class Extras:
    """What a person wears besides clothes, and a beard."""

    glasses: Glasses
    hat: Hat
    beard: Beard
    earrings: bool


@dataclass(frozen=True)
class Build:
    """Lengths in shares of stature; girth is a factor on all widths."""

    face: float
    torso: float
    thigh: float
    shin: float
    shoulders: float
    hips: float
    upper_arm: float
    forearm: float
    hand: float
    girth: float


@dataclass(frozen=True)
class Person:
    """Somebody of this world; see `person`."""

    number: int
    palette: Palette
    face: FaceShape
    hair: Hair
    outfit: Outfit
    extras: Extras
    build: Build
    room: Room

    @property
    def colours(self) -> dict[str, RGB]:
        """The colour layout, to tell people apart in pictures: RGB by part."""
        p = self.palette
        lower = p.upper if self.outfit.lower == "dress" else p.lower
        return {
            "skin": p.skin,
            "hair": p.hair,
            "upper": p.upper,
            "lower": lower,
            "shoes": p.shoes,
            "background": p.wall,
            "mouth": MOUTH_INSIDE,
        }


MOUTH_INSIDE: RGB = (94, 4, 40)
"""Of everybody's open mouth, behind teeth and tongue."""


def person(number: int) -> Person:
    """The person of a number."""
    rng = np.random.default_rng([number, 20261])
    sturdy = rng.normal()
    return Person(
        number,
        _palette(rng),
        _face_shape(rng),
        _hair(rng),
        _outfit(rng),
        _extras(rng),
        _build(rng, sturdy),
        _choice(rng, Room),
    )


def somebody(split: Split, rng: np.random.Generator, share: slice = slice(None)) -> Person:
    """A random person of a split; `share` is a slice of its numbers."""
    numbers = PEOPLE[split][share]
    return person(numbers[int(rng.integers(len(numbers)))])


def _choice(rng: np.random.Generator, kind: object, weights: tuple[float, ...] | None = None) -> str:
    names = get_args(kind)
    chances = None if weights is None else np.array(weights) / sum(weights)
    return str(rng.choice(names, p=chances))


def _palette(rng: np.random.Generator) -> Palette:
    skin = between(SKINS, rng)
    hair = unlike([skin], 60, lambda: between(NATURAL_HAIR, rng) if rng.random() < 0.75 else _dye(rng))
    upper = unlike([skin], 70, lambda: _cloth(rng))
    lower = unlike([skin, upper], 80, lambda: _cloth(rng))
    wall = unlike([skin, hair, upper, lower], 75, lambda: _wall(rng))
    floor = unlike([lower], 60, lambda: mix(shade(wall, rng.uniform(0.3, 0.7)), _wall(rng), 0.35))
    return Palette(
        skin,
        lips=mix(shade(skin, 0.25), (205, 60, 80), rng.uniform(0.3, 0.75)),
        hair=hair,
        iris=between(IRISES, rng),
        upper=upper,
        upper_second=unlike([upper], 90, lambda: _cloth(rng)),
        lower=lower,
        shoes=unlike([lower, floor], 60, lambda: _cloth(rng)),
        accent=unlike([skin, hair], 70, lambda: _cloth(rng)),
        wall=wall,
        floor=floor,
        wall_second=mix(wall, light(wall, 0.5) if rng.random() < 0.5 else shade(wall, 0.6), rng.uniform(0.3, 0.8)),
    )


def _dye(rng: np.random.Generator) -> RGB:
    return dyed(rng, (0.4, 0.9), (0.35, 0.95))


def _cloth(rng: np.random.Generator) -> RGB:
    kind = rng.random()
    if kind < 0.7:
        return dyed(rng, (0.45, 0.95), (0.35, 0.98))
    return dyed(rng, (0.0, 0.15), (0.12, 0.35) if kind < 0.85 else (0.85, 0.98))


def _wall(rng: np.random.Generator) -> RGB:
    return dyed(rng, (0.1, 0.55), (0.55, 0.95)) if rng.random() < 0.8 else dyed(rng, (0.2, 0.6), (0.18, 0.4))


def _face_shape(rng: np.random.Generator) -> FaceShape:
    return FaceShape(
        width=rng.uniform(0.93, 1.06),
        jaw=rng.uniform(0.82, 1.08),
        chin=rng.uniform(0.92, 1.08),
        eyes=rng.uniform(1.2, 1.45),
        eye_height=rng.uniform(2.2, 3.0),
        eye_spacing=rng.uniform(0.0, 0.03),
        eye_tilt=rng.uniform(-7, 7),
        brow_lift=rng.uniform(0.0, 0.035),
        brow_weight=rng.uniform(0.8, 1.9),
        nose_width=rng.uniform(0.7, 1.15),
        nose_length=rng.uniform(0.8, 1.1),
        mouth_width=rng.uniform(0.35, 0.42),
        lips=rng.uniform(0.7, 1.1),
        smile=rng.uniform(0.02, 0.045),
        lash=rng.uniform(0.3, 1.0),
        freckles=bool(rng.random() < 0.15),
    )


def _hair(rng: np.random.Generator) -> Hair:
    return Hair(
        length=_choice(rng, Length),
        fringe=_choice(rng, Fringe),
        extra=_choice(rng, Extra, (4, 1, 1, 1, 1, 1, 1.5)),
        volume=rng.uniform(0.07, 0.15),
        wave=rng.uniform(0, 1) if rng.random() < 0.6 else 0.0,
        parting=rng.uniform(-0.8, 0.8),
    )


def _outfit(rng: np.random.Generator) -> Outfit:
    return Outfit(
        lower=_choice(rng, Lower, (3, 1.5, 1.2, 1)),
        pattern=_choice(rng, Pattern),
        print_=_choice(rng, Print),
        neckline=_choice(rng, Neckline),
        sleeve=float(rng.choice([0.22, 0.45, 0.7, 0.97])),
        hem=rng.uniform(0.36, 0.48),
        looseness=rng.uniform(0.9, 1.3),
        stripes=int(rng.integers(4, 8)),
    )


def _extras(rng: np.random.Generator) -> Extras:
    return Extras(
        glasses=_choice(rng, Glasses, (7, 1.5, 1.5)),
        hat=_choice(rng, Hat, (7, 1, 1, 1)),
        beard=_choice(rng, Beard, (8, 0.7, 0.7, 0.7)),
        earrings=bool(rng.random() < 0.25),
    )


def _build(rng: np.random.Generator, sturdy: float) -> Build:
    legs = rng.uniform(0.94, 1.03)
    return Build(
        face=rng.uniform(0.222, 0.238),
        torso=rng.uniform(0.265, 0.285),
        thigh=0.172 * legs,
        shin=0.165 * legs,
        shoulders=rng.uniform(0.098, 0.118),
        hips=rng.uniform(0.046, 0.056),
        upper_arm=rng.uniform(0.128, 0.142),
        forearm=rng.uniform(0.115, 0.128),
        hand=rng.uniform(0.09, 0.102),
        girth=float(np.clip(1 + 0.13 * sturdy, 0.8, 1.35)),
    )

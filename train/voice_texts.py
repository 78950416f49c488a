"""Pseudo-sentences in many languages, put together from syllables, so that the corpus needs no data set.

Each language is written in its own script and read by its own espeak-ng rules and rhythm. Phoneme coverage matters
here, meaning does not.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Language:
    """An espeak-ng voice and the syllables of its script: space-separated onsets, nuclei and codas ("." is none)."""

    voice: str
    onsets: str
    nuclei: str
    codas: str = "."
    space: str = " "
    stops: str = ". , . ? !"

    def syllable(self, rng: np.random.Generator) -> str:
        """One random syllable."""
        parts = (rng.choice(part.split()) for part in (self.onsets, self.nuclei, self.codas))
        return "".join("" if part == "." else str(part) for part in parts)

    def word(self, rng: np.random.Generator) -> str:
        """One random word of one to four syllables."""
        return "".join(self.syllable(rng) for _ in range(rng.choice([1, 2, 3, 4], p=[0.25, 0.4, 0.25, 0.1])))

    def sentence(self, rng: np.random.Generator) -> str:
        """Two to ten random words and a punctuation mark, sometimes with a comma inside."""
        words = [self.word(rng) + ("," if rng.random() < 0.08 else "") for _ in range(rng.integers(2, 11))]
        return self.space.join(words) + str(rng.choice(self.stops.split()))


@cache
def languages() -> tuple[Language, ...]:
    """The languages of `voice_languages.toml`."""
    table = tomllib.loads(Path(__file__).with_name("voice_languages.toml").read_text())
    return tuple(Language(**entry) for entry in table["language"])


def babble(rng: np.random.Generator) -> str:
    """Phoneme codes of open syllables with many lip closures, which text has too few of; any voice reads them."""
    syllables = (
        "".join(rng.choice(part.split()) for part in ("p b m f v w p b m t s k", "a i u e o a i:")) for _ in range(9)
    )
    return "[[" + " ".join("".join(group) for group in zip(*[iter(syllables)] * 3, strict=True)) + "]]."


def random_text(language: Language, rng: np.random.Generator) -> str:
    """One or two sentences, at times babble."""
    make: Callable[[np.random.Generator], str] = language.sentence if rng.random() < 0.93 else babble
    return " ".join(make(rng) for _ in range(rng.integers(1, 3)))

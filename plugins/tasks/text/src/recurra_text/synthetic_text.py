"""Made-up sentences, so that a language model can be tried without a file: a small grammar, drawn from."""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping

from recurra import Split
from recurra_text.texts import Texts

NUMBERS: Mapping[Split, int] = {"train": 1500, "validation": 150, "test": 150}
GRAMMAR: Mapping[str, tuple[str, ...]] = {
    "SENTENCE": (
        "the ONE SEES the MANY .",
        "the MANY SEE the ONE .",
        "the ONE RUNS .",
        "the MANY RUN PLACE .",
    ),
    "ONE": ("NOUN", "ADJECTIVE NOUN", "NOUN that SEES the MANY", "NOUN PLACE"),
    "MANY": ("NOUNs", "ADJECTIVE NOUNs", "NOUNs that SEE the ONE"),
    "NOUN": ("dog", "cat", "bird", "teacher", "sailor", "horse", "king", "farmer"),
    "ADJECTIVE": ("old", "young", "small", "brown", "clever"),
    "SEES": ("sees", "hears", "follows", "calls"),
    "SEE": ("see", "hear", "follow", "call"),
    "RUNS": ("runs", "sleeps", "waits"),
    "RUN": ("run", "sleep", "wait"),
    "PLACE": ("near the river", "behind the house", "in the garden", "on the hill"),
}
"""What each symbol may become, evenly; a verb agrees with its noun, which may be several words before."""


@functools.cache
def synthetic_text() -> Texts:
    """Return a sentence a line, for each split."""
    rng = random.Random(0)
    return Texts({split: _lines(number, rng).encode() for split, number in NUMBERS.items()}, "the sample")


def _lines(number: int, rng: random.Random) -> str:
    return "".join(f"{_written('SENTENCE', rng)}\n" for _ in range(number))


def _written(symbol: str, rng: random.Random) -> str:
    ending = "s" if symbol == "NOUNs" else ""
    forms = GRAMMAR.get(symbol.removesuffix(ending))
    if forms is None:
        return symbol
    return " ".join(_written(part, rng) for part in rng.choice(forms).split()) + ending

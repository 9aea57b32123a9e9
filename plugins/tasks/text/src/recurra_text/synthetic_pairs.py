"""Numbers in words and in digits, so that the task can be tried without a file."""

from __future__ import annotations

import functools
import random

from recurra_text.pairs import Splits
from recurra_text.text_files import cut

SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
MOST, NUMBER = 10_000, 2_500
HELD_OUT = (0.1, 0.1)


@functools.cache
def synthetic_pairs() -> Splits:
    """Return 2,000 numbers for training, 250 for validation and 250 for test, no number twice."""
    drawn = random.Random(0).sample(range(MOST), NUMBER)
    pairs = [(in_words(number), " ".join(str(number))) for number in drawn]
    spans = cut(NUMBER, HELD_OUT, 1, "the sample")
    return {split: pairs[span] for split, span in spans.items()}


def in_words(number: int) -> str:
    """Write a number below a million in English."""
    if number < 20:
        return SMALL[number]
    if number < 100:
        return f"{TENS[number // 10 - 2]}{_rest(number % 10, ' ')}"
    if number < 1000:
        return f"{SMALL[number // 100]} hundred{_rest(number % 100, ' and ')}"
    return f"{in_words(number // 1000)} thousand{_rest(number % 1000, ' ')}"


def _rest(number: int, joint: str) -> str:
    return f"{joint}{in_words(number)}" if number else ""

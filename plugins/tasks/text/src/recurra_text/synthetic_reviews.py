"""Made-up reviews, so that the task can be tried without a file: a few sentences, some of them negated."""

from __future__ import annotations

import functools
import random

from recurra_text.reviews import Reviews, Splits, split_off

PRAISE = ("wonderful", "moving", "clever", "funny", "brilliant")
BLAME = ("dull", "awful", "clumsy", "boring", "shallow")
PARTS = ("the plot", "the acting", "the music", "the ending", "the camera work", "the dialogue")
ASIDES = ("i saw it with a friend", "it runs for two hours", "it is set in a small town", "it is a remake")


@functools.cache
def synthetic_reviews() -> Splits:
    """Return 360 reviews for training, 40 for validation and 80 for test, half of them favourable."""
    rng = random.Random(0)
    return split_off(_written(400, rng), _written(80, rng), "the sample")


def _written(number: int, rng: random.Random) -> Reviews:
    """Write each review only once, since those that come twice in training are taken once."""
    labels = [row % 2 for row in range(number)]
    texts: dict[str, None] = {}
    while len(texts) < number:
        texts.setdefault(_review(labels[len(texts)], rng))
    return Reviews(list(texts), labels)


def _review(label: int, rng: random.Random) -> str:
    """Write three judgements and two asides; "not" turns a word into its contrary."""
    sentences = rng.sample(ASIDES, 2)
    for part in rng.sample(PARTS, 3):
        negated = rng.random() < 0.3
        word = rng.choice(PRAISE if bool(label) != negated else BLAME)
        sentences.append(f"{part} was {'not ' if negated else ''}{word}")
    rng.shuffle(sentences)
    return " ".join(f"{sentence.capitalize()}." for sentence in sentences)

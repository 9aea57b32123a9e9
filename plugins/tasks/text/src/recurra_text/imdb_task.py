"""The sentiment of film reviews."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Corpus, Goal, InvalidOption, Ragged, Score, Split, unpadded
from recurra_text.answers import Answers, Count
from recurra_text.coding import Vocabulary, words_of
from recurra_text.counts import entropy, most_frequent
from recurra_text.reviews import NAME, REVISION, Splits, read_folder, read_hub
from recurra_text.sentiment import Sentiment
from recurra_text.synthetic_reviews import synthetic_reviews

PADDING, UNKNOWN = 0, 1
FIRST = 2
LINE_BREAK = re.compile(r"<br\s*/?>")
WORD = re.compile(r"\w+(?:'\w+)*")
NOTHING = ("",)
"""What stands for a review without a word: one unknown word."""


class IMDB(Answers, Corpus):
    """Classify at the end of a film review whether it is favourable.

    Words are in small letters and without punctuation. The `vocabulary` most frequent words of the reviews
    that are trained on are known; any other is the token 1. Of a long review the last `steps` words are read,
    or the first; a short one is filled up to as many with the token 0, before its first word, or, with
    `padding` = `none`, read as long as it is.

    Of the reviews for training the last tenth of each class is for validation and not trained on, and a
    review that comes there twice is taken once; those for test are the official ones. One CSV file has no
    official split: the last half of each class is for test. Without a folder, and without `hub`, the task
    uses a few synthetic reviews, so that everything can be tried; scores on them are not comparable with the
    data set, and their suite is called `synthetic-sample`.

    Shapes: x (B, T) tokens, T = `steps` or less; y (B, T, 2), logits, scored at the last step of each row.
    Scores: accuracy_percent; nats, the cross-entropy per review.
    Baselines: constant, the shares of the two classes in the test reviews; naive-bayes, which counts in
    training how often each word comes in either class, of what is read here (add one, multinomial).
    Solved means more than 85 percent, the most that Dey and Salem have, from memory, of the GRU and its
    three variants (83 to 85).
    Differs from the paper: it does not say how words are told apart, which end of a review is kept and where
    padding goes; these are the habits of the time. It trains on all 25,000 reviews for training.
    Source: Maas et al. 2011, the reviews; Dey and Salem 2017, the protocol.

    Raises:
        MissingFile: The folder, a file in it or the revision on the Hub does not exist.
        DamagedFile: A file is damaged, or does not contain reviews with a sentiment.
        InvalidOption: Both a folder and the Hub are named, or the revision is empty.
    """

    predictions = Sentiment
    stream = "IMDB"
    goal = Goal("accuracy_percent", above=85.0)

    def __init__(
        self,
        *,
        folder: Annotated[
            Path | None, Field(description="folder with the reviews: aclImdb, Parquet as on the Hub, or CSV")
        ] = None,
        hub: Annotated[bool, Field(description="load the reviews from the Hugging Face Hub")] = False,
        revision: Annotated[str, Field(description="commit on the Hub to load")] = REVISION,
        vocabulary: Annotated[Count, Field(description="vocabulary size in words")] = 20_000,
        steps: Annotated[Count, Field(description="maximum number of words read from a review")] = 80,
        keep: Annotated[
            Literal["last", "first"], Field(description="which words of a long review to read")
        ] = "last",
        padding: Annotated[
            Literal["before", "none"], Field(description="how to pad short reviews")
        ] = "before",
    ) -> None:
        if folder and hub:
            raise InvalidOption(f"IMDB: folder = {folder} and hub = true exclude each other; name one")
        if not revision:
            raise InvalidOption(f"IMDB: revision is empty; it must name a commit of {NAME}")
        self.synthetic = not folder and not hub
        splits = read_folder(folder) if folder else read_hub(revision) if hub else synthetic_reviews()
        self.labels = {split: torch.tensor(part.labels) for split, part in splits.items()}
        self.steps, self.keep, self.filled = steps, keep, padding == "before"
        known = self._take_words(splits, vocabulary)
        super().__init__(known.size, 2)
        self.words = known.names

    def _take_words(self, splits: Splits, most: int) -> Vocabulary:
        """Keep what is read of each review, as tokens, and return which words are known."""
        numbers = {split: list[int]() for split in splits}
        coded = words_of(_counting(part.texts, numbers[split]) for split, part in splits.items())
        counts = np.bincount(coded.codes[0], minlength=len(coded.names))
        known = Vocabulary(counts, coded.names, most, FIRST)
        self.reviews = {
            split: self._shortened(known.tokens(codes), torch.tensor(numbers[split]))
            for split, codes in zip(splits, coded.codes, strict=True)
        }
        return known

    def _shortened(self, tokens: Tensor, counts: Tensor) -> Ragged:
        kept = counts.clamp(max=self.steps)
        skipped = counts - kept if self.keep == "last" else 0
        return Ragged(tokens, counts.cumsum(0) - counts + skipped, kept)

    def count(self, split: Split) -> int:
        """Return how many reviews a split has."""
        return len(self.labels[split])

    def read(self, text: str) -> tuple[Tensor, Tensor]:
        """Return a review as tokens (1, T), as in training, and its number of steps (1,)."""
        number = {word: token for token, word in enumerate(self.words, FIRST)}
        tokens = torch.tensor([number.get(word, UNKNOWN) for word in words_in(text)])
        count = torch.tensor([len(tokens)])
        return self._padded(self._shortened(tokens, count), torch.tensor([0]))

    def _padded(self, reviews: Ragged, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return reviews as tokens (B, T), and their lengths (B,)."""
        lengths = reviews.counts[rows]
        steps = self.steps if self.filled else int(lengths.max())
        x = reviews.padded(rows, steps, PADDING).long()
        if self.filled:
            # The end of each row comes round to its beginning, and with it the padding.
            x = x.gather(1, (torch.arange(steps) + lengths[:, None]) % steps)
            lengths = torch.full_like(lengths, steps)
        return x, lengths

    def gather(self, split: Split, rows: Tensor) -> Batch:
        """Return reviews of a split as a batch."""
        x, lengths = self._padded(self.reviews[split], rows)
        mask = torch.arange(x.shape[1]) == lengths[:, None] - 1
        return Batch(x, self.labels[split][rows][:, None] * mask, mask, lengths)

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return accuracy_percent, and the nats per review."""
        return {"accuracy_percent": self.percent(y, batch), "nats": Score(*self.nats(y, batch))}

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what one answer to all test reviews scores, and what counting words does."""
        labels = self.labels["test"]
        constant = {"accuracy_percent": most_frequent(labels), "nats": entropy(labels)}
        return {"constant": constant, "naive-bayes": {"accuracy_percent": self._by_counting()}}

    def _by_counting(self) -> float:
        """Return the accuracy of naive Bayes on the test reviews, in percent."""
        words, labels = self._words("train")
        counts = torch.ones(2, self.input_size, dtype=torch.float64)
        counts.index_put_((labels[words[0]], words[1]), torch.ones((), dtype=torch.float64), accumulate=True)
        evidence = (counts / counts.sum(1, keepdim=True)).log().diff(dim=0)[0]
        shares = torch.bincount(labels, minlength=2).double()
        words, labels = self._words("test")
        said = torch.zeros(len(labels), dtype=torch.float64).index_add_(0, words[0], evidence[words[1]])
        return 100 * float(((said + shares.log().diff() > 0) == labels.bool()).double().mean())

    def _words(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return all words that are read of a split, (2, N): of which review and which token; the labels."""
        reviews = self.reviews[split]
        read = reviews.padded(torch.arange(len(reviews.counts)), self.steps, PADDING).long()
        rows = unpadded(reviews.counts, self.steps).nonzero()[:, 0]
        return torch.stack([rows, read[read != PADDING]]), self.labels[split]


def words_in(text: str) -> list[str]:
    """Return the words of a review in small letters, without punctuation and marks of line breaks."""
    return WORD.findall(LINE_BREAK.sub(" ", text.lower())) or list(NOTHING)


def _counting(texts: Iterable[str], numbers: list[int]) -> Iterable[str]:
    """Return word after word, and note how many each text has. One by one, since all would be too many."""
    for text in texts:
        words = words_in(text)
        numbers.append(len(words))
        yield from words

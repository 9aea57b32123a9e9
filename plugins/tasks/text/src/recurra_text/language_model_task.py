"""Prediction of the next character, word or byte of a text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Goal, InvalidOption, Score, Split, Task
from recurra_text.answers import Answers, Count
from recurra_text.coding import Level
from recurra_text.continuation import Continuation
from recurra_text.counts import bigram_nats, entropy, most_frequent, unigram_nats
from recurra_text.perplexity import Perplexity
from recurra_text.streams import Streams, streams
from recurra_text.synthetic_text import synthetic_text
from recurra_text.tables import pinned
from recurra_text.text_files import Share
from recurra_text.texts import Texts, read_folder, read_hub, read_one, tokens_of

GOALS: Mapping[Level, Goal] = {
    "character": Goal("bits_per_character", below=1.36),
    "byte": Goal("bits_per_byte", below=1.36),
    "word": Goal("perplexity", below=78.93),
}
"""The LSTM of Bai et al. 2018 on the Penn Treebank, from memory; of bytes, what it has of characters."""


class LanguageModel(Answers):
    """Predict the next symbol of a text that is read by B streams side by side, window by window.

        perplexity = exp(− Σ log p(next word) / words);  bits_per_character = − Σ log₂ p(next) / characters

    A stream is one of B equal parts of a split. Each batch reads the next window of every stream, and the
    state goes on from window to window, though the gradient does not; at the end of a pass all begin anew
    from the start. In training a pass leaves out a few symbols at the beginning, fewer than 100, so that
    windows begin elsewhere in each; validation and test read everything but what is left over by the
    division into streams.

    `word`: what white space parts, and `<eos>` at the end of each line. The most frequent words or characters
    of the training text are known; any other, and the word `<unk>`, is the token 0. `byte`: all 256 are
    known. One file is cut in its order: what is trained on, then validation, then test. Without a file, a
    folder and `hub`, the task uses a few synthetic sentences, so that everything can be tried; scores on
    them are not comparable with another text, and their suite is called `synthetic-sample`.

    Shapes: x (B, T) tokens, T the window or, at the end of a pass, less; y (B, T, O), logits, all scored.
    Scores: perplexity and bits_per_word; bits_per_character; bits_per_byte; accuracy_percent.
    Baselines, of the whole test split: constant, its own frequencies of symbols; unigram, those of the
    training text; bigram, how often each symbol followed another in training (Witten and Bell).
    Solved means better than an LSTM on the Penn Treebank (Bai et al. 2018, from memory): 78.93 by words, 1.36
    bits by characters. Of another text this says little; set run.stop_below.
    Source: Mikolov et al. 2010, by words; Graves 2013, by characters and bytes.

    Raises:
        MissingFile: The file, the folder, a file in it or the data set on the Hub does not exist.
        DamagedFile: A file is damaged, empty or not in UTF-8, or a split is too short.
        InvalidOption: Two sources are named, the Hub without a revision, or nothing is left to train on.
    """

    predictions = Continuation
    stream = "LanguageModel"
    causal = True
    goal = GOALS["character"]
    synthetic: bool

    def __init__(
        self,
        *,
        file: Annotated[
            Path | None, Field(description="one text file, optionally .gz, to be cut into splits")
        ] = None,
        folder: Annotated[
            Path | None, Field(description="folder with train, valid and test, as .txt or Parquet")
        ] = None,
        hub: Annotated[
            str | None, Field(description="data set on the Hugging Face Hub, with one line per row")
        ] = None,
        revision: Annotated[str | None, Field(description="commit on the Hub to load")] = None,
        configuration: Annotated[str | None, Field(description="configuration of the data set")] = None,
        column: Annotated[str, Field(description="column of the data set that holds the lines")] = "text",
        level: Annotated[Level, Field(description="unit of prediction")] = "character",
        window: Annotated[Count, Field(description="number of symbols read at once")] = 50,
        vocabulary: Annotated[
            Count, Field(description="maximum vocabulary size in words or characters")
        ] = 10_000,
        validation_share: Share = 0.05,
        test_share: Share = 0.05,
    ) -> None:
        named = [
            f"{what} = {name}" for what, name in (("file", file), ("folder", folder), ("hub", hub)) if name
        ]
        if len(named) > 1:
            raise InvalidOption(f"LanguageModel: {' and '.join(named)} exclude each other; name one")
        self.synthetic = not named
        if hub:
            revision = pinned("LanguageModel", hub, revision)
            texts = read_hub(hub, revision, configuration, column)
        else:
            texts = _read(file, folder, column)
        self.tokens, kinds, self.names = tokens_of(texts, level, vocabulary, (validation_share, test_share))
        super().__init__(kinds, kinds)
        self.level, self.window = level, window
        self.goal = GOALS[level]

    def _streams(self, split: Split, batch_size: int) -> Streams:
        return streams(len(self.tokens[split]) - 1, batch_size, self.window, split)

    def batch(self, k: int, *, batch_size: int, seed: int, split: Split) -> Batch:
        """Return window k of the streams of a split; the seed matters in training only."""
        return self._read_at(split, self._streams(split, batch_size).places(k, seed))

    def continues_previous(self, k: int, *, batch_size: int, seed: int, split: Split) -> bool:
        """Say whether window k goes on where the one before ended: all but the first of a pass do."""
        return k % self._streams(split, batch_size).windows > 0

    def _read_at(self, split: Split, places: Tensor) -> Batch:
        tokens = self.tokens[split]
        lengths = torch.full((len(places),), places.shape[1])
        mask = torch.ones(places.shape, dtype=torch.bool)
        return Batch(tokens[places].long(), tokens[places + 1].long(), mask, lengths)

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return bits_per_character, bits_per_byte or bits_per_word and perplexity; accuracy_percent."""
        nats, symbols = self.nats(y, batch)
        found = {self._bits: Score(nats / math.log(2), symbols), "accuracy_percent": self.percent(y, batch)}
        return found if self.level != "word" else {"perplexity": Perplexity(nats, symbols), **found}

    @property
    def _bits(self) -> str:
        return f"bits_per_{self.level}"

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what counting symbols, and pairs of them, scores on the whole test split."""
        known, test = (self.tokens[split].long() for split in ("train", "test"))
        due, kinds = test[1:], self.output_size
        before_and_after = [torch.stack([text[:-1], text[1:]]) for text in (known, test)]
        return {
            "constant": {**self._of_nats(entropy(due)), "accuracy_percent": most_frequent(due)},
            "unigram": self._of_nats(unigram_nats(known, due, kinds)),
            "bigram": self._of_nats(bigram_nats(before_and_after[0], before_and_after[1], kinds)),
        }

    def _of_nats(self, nats: float) -> dict[str, float]:
        bits = {self._bits: nats / math.log(2)}
        return bits if self.level != "word" else {"perplexity": math.exp(nats), **bits}

    def suite(self) -> Mapping[str, Task]:
        """Return the task itself, under a name that says whether its text is synthetic."""
        return {"synthetic-sample" if self.synthetic else "test": self}


def _read(file: Path | None, folder: Path | None, column: str) -> Texts:
    if file:
        return read_one(file)
    return read_folder(folder, column) if folder else synthetic_text()

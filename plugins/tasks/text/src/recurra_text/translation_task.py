"""Translation by one network that reads a sentence and then writes its translation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from recurra import Batch, Corpus, Goal, InvalidOption, Score, Split, unpadded
from recurra_text.answers import Answers, Count
from recurra_text.counts import bigram_nats, entropy, most_frequent
from recurra_text.pairs import read_folder, read_hub, read_one
from recurra_text.sentences import END, SEPARATOR, followers, language, rows_of, spelled_pairs
from recurra_text.synthetic_pairs import synthetic_pairs
from recurra_text.tables import pinned
from recurra_text.text_files import Share, check_sizes
from recurra_text.translated import Translated

Columns = Annotated[
    tuple[str, str],
    Field(description="columns of the data set that hold the sentences and their translations"),
]


class Translation(Answers, Corpus):
    """Read a sentence word by word and a separator, then write its translation word by word.

        read    s₁ … s_n  |   t₁ … t_m
        due     –  …  –   t₁  t₂ … end

    One network is encoder and decoder. While it writes it receives the right word before the next (teacher
    forcing), in evaluation as well: what is scored is how well each word is predicted when those before it
    are right. `recurra predict` translates freely, by beam search, and computes BLEU.

    The `vocabulary` most frequent words of the training split are known, of either language its own; any
    other is unknown, and to say so of a word that is unknown counts as right. Pairs of which one side is
    longer than `longest` are left out of all splits. Of one file the splits are cut in its order, by its
    different sentences, so that none is in two. Without a file, a folder and `hub`, numbers in words are
    translated into digits, so that everything can be tried; their suite is called `synthetic-sample`.

    Shapes: x (B, T) tokens, T = n + 1 + m; y (B, T, O), logits, scored from the separator on.
    Scores: sentence_percent, translations without a wrong word; token_percent; bits_per_token, each with the
    end of the sentence as a token.
    Baselines, of the test split: constant, its own frequencies of tokens; bigram, how often each token
    followed another in the translations that are trained on, without a look at the sentence (Witten and
    Bell); of the synthetic numbers, optimal, no error at all.
    Solved means that 99 of 100 translations are without error, a bound of our own that suits small languages.
    Differs from the paper: one network, and not two, reads and writes; `reverse` reads sentences from their
    end, as there.
    Source: Sutskever, Vinyals and Le 2014.

    Raises:
        MissingFile: The file, the folder, a file in it or the data set on the Hub does not exist.
        DamagedFile: A file is damaged, empty, not in UTF-8 or without two columns; or a split is empty.
        InvalidOption: Two sources are named, the Hub without a revision, or nothing is left to train on.
    """

    predictions = Translated
    stream = "Translation"
    causal = True
    goal = Goal("sentence_percent", above=99.0)

    def __init__(
        self,
        *,
        file: Annotated[
            Path | None, Field(description="a sentence, a tab and its translation on each line")
        ] = None,
        folder: Annotated[
            Path | None, Field(description="folder with train, valid and test, as .tsv or Parquet")
        ] = None,
        hub: Annotated[str | None, Field(description="data set on the Hugging Face Hub")] = None,
        revision: Annotated[str | None, Field(description="commit on the Hub to load")] = None,
        configuration: Annotated[str | None, Field(description="configuration of the data set")] = None,
        columns: Columns = ("source", "target"),
        level: Annotated[Literal["word", "character"], Field(description="unit of tokens")] = "word",
        vocabulary: Annotated[Count, Field(description="maximum vocabulary size of each language")] = 30_000,
        longest: Annotated[Count, Field(description="maximum number of words on either side")] = 50,
        reverse: Annotated[bool, Field(description="read the source sentences in reverse")] = False,
        validation_share: Share = 0.05,
        test_share: Share = 0.05,
    ) -> None:
        named = [
            f"{what} = {name}" for what, name in (("file", file), ("folder", folder), ("hub", hub)) if name
        ]
        if len(named) > 1:
            raise InvalidOption(f"Translation: {' and '.join(named)} exclude each other; name one")
        self.synthetic = not named
        if hub:
            pairs = read_hub(hub, pinned("Translation", hub, revision), configuration, columns)
        elif folder:
            pairs = read_folder(folder, columns)
        else:
            pairs = read_one(file, (validation_share, test_share)) if file else synthetic_pairs()
        spelled = {split: spelled_pairs(part, level, longest) for split, part in pairs.items()}
        sizes = {split: len(part) for split, part in spelled.items()}
        check_sizes(sizes, 1, f"the pairs of at most {longest} words")
        source, target = (language(spelled, side, vocabulary) for side in (0, 1))
        super().__init__(source.size + target.size - 1, target.size)
        self.names = source.names, target.names
        self.level, self.reverse, self.longest, self.test = level, reverse, longest, spelled["test"]
        self.rows = {split: rows_of(source, target, split, reverse) for split in spelled}

    def count(self, split: Split) -> int:
        """Return how many pairs a split has."""
        return len(self.rows[split].before)

    def gather(self, split: Split, rows: Tensor) -> Batch:
        """Return pairs of a split as a batch."""
        read, due, before = self.rows[split]
        lengths = read.counts[rows]
        steps = int(lengths.max())
        mask = unpadded(lengths, steps) & ~unpadded(before[rows], steps)
        return Batch(read.padded(rows, steps, SEPARATOR), due.padded(rows, steps, END), mask, lengths)

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return sentence_percent, token_percent and bits_per_token."""
        wrong = ((y.argmax(-1) != batch.target) & batch.mask).any(1)
        nats, tokens = self.nats(y, batch)
        return {
            "sentence_percent": Score(100 * float((~wrong).sum()), len(wrong)),
            "token_percent": self.percent(y, batch),
            "bits_per_token": Score(nats / math.log(2), tokens),
        }

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what frequencies of tokens and of pairs of them score; of the sample the best there is."""
        known, test = (followers(self.rows[split]) for split in ("train", "test"))
        due = test[1]
        counted = {
            "constant": {"token_percent": most_frequent(due), "bits_per_token": entropy(due) / math.log(2)},
            "bigram": {"bits_per_token": bigram_nats(known, test, self.output_size) / math.log(2)},
        }
        best = {"sentence_percent": 100.0, "token_percent": 100.0, "bits_per_token": 0.0}
        return {**counted, "optimal": best} if self.synthetic else counted

"""What the tasks of the user's own sequences share: where they come from, and how they are read."""

from __future__ import annotations

import abc
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import BeforeValidator, Field
from torch import Tensor

from recurra import Batch, Corpus, InvalidInput, InvalidOption, Ragged, Split
from recurra_own_data.inputs import Level, encoder_of
from recurra_own_data.predictions import Labelled
from recurra_own_data.rows import Sequences, sequences_of
from recurra_own_data.sources import PARTS, Source
from recurra_own_data.splits import divided
from recurra_own_data.table import Table

Count = Annotated[int, Field(gt=0)]
Names = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)
]
Share = Annotated[float, Field(gt=0, lt=1)]


class OwnData(Corpus):
    """A task of sequences in the user's files, or in a data set of the `datasets` library.

    Each row is a sequence: its input columns hold text, lists of numbers (a channel for each column), a list
    of vectors, or a list of symbols. With `sequence`, each row is one step of the sequence that this column
    names. Text is divided into words, in small letters, and punctuation marks, or into characters; the most
    frequent of the training sequences are tokens, and any other is the token 0. Numbers are scaled to mean 0
    and standard deviation 1 over the training steps.

    Splits that the source does not have are drawn from the training sequences, by `split_seed`. Without a
    file and a data set, the task uses synthetic sequences.

    Raises:
        MissingFile: A file or the data set does not exist.
        DamagedFile: A file cannot be read as what its name says.
        InvalidOption: A column does not exist, or options exclude each other.
        InvalidInput: A value is missing or of the wrong kind; the message names the file, row and column.
    """

    predictions = Labelled
    target_name: ClassVar[str]
    """The target column unless the user names one."""
    most_targets: ClassVar[float] = 1

    def __init__(
        self,
        *,
        file: Annotated[
            Path | None, Field(description=".csv, .jsonl or .parquet file; none: synthetic sequences")
        ] = None,
        validation_file: Annotated[
            Path | None, Field(description="file for validation; none: a share of file")
        ] = None,
        test_file: Annotated[Path | None, Field(description="file for test; none: a share of file")] = None,
        dataset: Annotated[
            str | None, Field(description="folder of a saved data set, or the name of one on the Hub")
        ] = None,
        revision: Annotated[str | None, Field(description="commit on the Hub to load")] = None,
        configuration: Annotated[str | None, Field(description="configuration of the data set")] = None,
        input: Annotated[
            Names, Field(description="input columns; none: all except target and sequence")
        ] = (),
        target: Annotated[Names, Field(description="target column; regression may have several")] = (),
        sequence: Annotated[
            str | None, Field(description="column that tells sequences apart if each row is one step")
        ] = None,
        text: Annotated[Names, Field(description="columns to read as text, even if they hold numbers")] = (),
        level: Annotated[Level, Field(description="what text is divided into")] = "word",
        vocabulary: Annotated[Count, Field(description="maximum number of tokens known")] = 20_000,
        longest: Annotated[
            Count | None, Field(description="keep only so many last steps of a sequence; none: all")
        ] = None,
        validation_share: Annotated[Share, Field(description="fraction drawn for validation")] = 0.15,
        test_share: Annotated[Share, Field(description="fraction drawn for test")] = 0.15,
        split_seed: Annotated[int, Field(ge=0, description="seed of the draw of these")] = 0,
    ) -> None:
        source = Source(file, validation_file, test_file, dataset, revision, configuration, frozenset(text))
        self.synthetic = not (file or dataset)
        tables = self._tables(source)
        tables["train"].checked(text, "text")
        self.texts = tables["train"].texts
        self.target = self._target_of(tables["train"], target)
        self.sequence, self.longest = sequence, longest
        self.inputs = self._inputs_of(tables["train"], input)
        read: Mapping[Split, Sequences] = {
            split: self.sequences(table, self.target) for split, table in tables.items()
        }
        shares: dict[Split, float] = {"validation": validation_share, "test": test_share}
        found, rows = _splits(
            read, {s: x for s, x in shares.items() if s not in read}, split_seed, self.groups
        )
        training = _chosen(found["train"], rows["train"])
        self.encoder = encoder_of(training, self.inputs, level, vocabulary, text)
        self.input_kind = self.encoder.kind
        super().__init__(self.encoder.size, self.learn(training))
        self._keep(found, rows)

    def _tables(self, source: Source) -> Mapping[Split, Table]:
        source.check(type(self).__name__)
        return {"train": self.example()} if self.synthetic else source.tables()

    def sequences(self, table: Table, targets: Sequence[str] = ()) -> Sequences:
        """Return the sequences of a table, with the target columns that are asked for."""
        if self.sequence is not None:
            table.checked([self.sequence], "sequence")
        table.checked(self.inputs, "input")
        return sequences_of(table, [*self.inputs, *table.checked(targets, "target")], self.sequence)

    def _inputs_of(self, table: Table, named: tuple[str, ...]) -> tuple[str, ...]:
        """Return the input columns: those named, or all of the training table that are nothing else."""
        others = {*self.target, self.sequence}
        inputs = named or tuple(name for name in table.columns if name not in others)
        if not inputs:
            raise InvalidInput(
                f"{table.where} has no column beside target and sequence; the input is missing"
            )
        wrong = [name for name in inputs if name in self.target]
        if wrong:
            raise InvalidOption(f"task.input and task.target both name the column '{wrong[0]}'")
        return inputs

    def _target_of(self, table: Table, named: tuple[str, ...]) -> tuple[str, ...]:
        if len(named) > self.most_targets:
            message = f"task.target names {len(named)} columns"
            raise InvalidOption(f"{message}; {type(self).__name__} has one target")
        if named or self.target_name in table.columns:
            return named or (self.target_name,)
        message = f"{table.where} has no column '{self.target_name}'; name the target: task.target=COLUMN"
        raise InvalidOption(f"{message}, one of {', '.join(table.columns)}")

    def _keep(self, found: Mapping[Split, Sequences], rows: Mapping[Split, Sequence[int]]) -> None:
        """Encode the sequences and the targets of every split."""
        splits = {split: _chosen(found[split], numbers) for split, numbers in rows.items()}
        self.read: Mapping[Split, Sequences] = splits
        self.x: Mapping[Split, Ragged] = {
            s: self.encoder.encoded(part, self.longest) for s, part in splits.items()
        }
        self.due: Mapping[Split, Any] = {s: self.encoded_targets(part) for s, part in splits.items()}

    @classmethod
    @abc.abstractmethod
    def example(cls) -> Table:
        """Return synthetic rows, so that the task can be tried."""

    @abc.abstractmethod
    def groups(self, found: Sequences) -> Sequence[Hashable]:
        """Return the group of each sequence; every split has the same share of each."""

    @abc.abstractmethod
    def learn(self, found: Sequences) -> int:
        """Learn the classes or the scale of the targets from the training sequences; return O."""

    @abc.abstractmethod
    def encoded_targets(self, found: Sequences) -> Any:
        """Return the targets of sequences, as `targets` takes them."""

    @abc.abstractmethod
    def targets(self, due: Any, rows: Tensor, steps: int, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the target and the mask of a batch: rows (B,) -> (B, T, ...) and (B, T)."""

    @abc.abstractmethod
    def described(self, y: Tensor) -> list[Mapping[str, Any]]:
        """Return predictions as rows, one or one per step, in the words of the file: y (T, O)."""

    @abc.abstractmethod
    def actual(self, found: Sequences) -> list[list[Mapping[str, Any]]]:
        """Return the targets of sequences as `described` names them: the rows of each sequence."""

    def count(self, split: Split) -> int:
        """Return how many sequences a split has."""
        return len(self.x[split].counts)

    def gather(self, split: Split, rows: Tensor) -> Batch:
        """Return sequences of a split as a batch."""
        lengths = self.x[split].counts[rows]
        steps = int(lengths.max())
        target, mask = self.targets(self.due[split], rows, steps, lengths)
        return Batch(self.x[split].padded(rows, steps, 0), target, mask, lengths)


def last_steps(lengths: Tensor, steps: int) -> Tensor:
    """Return which steps are the last of their rows: (B,) -> (B, steps)."""
    return torch.arange(steps) == lengths[:, None] - 1


def _splits(
    read: Mapping[Split, Sequences], shares: Mapping[Split, float], seed: int, groups: Any
) -> tuple[Mapping[Split, Sequences], Mapping[Split, Sequence[int]]]:
    """Return where each split's sequences were read, and which of those it has."""
    training = read["train"]
    drawn = divided(groups(training), shares, seed, training.where)
    found = {split: read.get(split, training) for split in PARTS}
    return found, {split: drawn.get(split, range(len(part.numbers))) for split, part in found.items()}


def _chosen(found: Sequences, rows: Sequence[int]) -> Sequences:
    cells = {name: [cell[row] for row in rows] for name, cell in found.cells.items()}
    return Sequences(
        found.where, cells, [found.numbers[row] for row in rows], [found.names[row] for row in rows]
    )

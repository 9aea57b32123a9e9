"""What a network reads of a sequence: vectors of numbers, or tokens of text, as the file has them."""

from __future__ import annotations

import abc
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from recurra import InvalidInput, Ragged
from recurra_own_data.rows import Sequences

Level = Literal["word", "character"]
Kind = Literal["vectors", "tokens"]
WORD = re.compile(r"\w+|[^\w\s]")
UNKNOWN = 0
LARGEST = torch.finfo(torch.float32).max
ROUNDING = 1e-12
"""A deviation below this part of the mean is the rounding error of values that are all the same."""
REMEDY = "fill in or remove the row"


class Encoder(abc.ABC):
    """Turns sequences into what a network reads, as it was learned from the training sequences.

    Attributes:
        kind: The structure of x.
        size: The number of channels, or of tokens.
    """

    kind: ClassVar[Kind]
    size: int

    @abc.abstractmethod
    def encoded(self, found: Sequences, longest: int | None) -> Ragged:
        """Return sequences of another table, at most `longest` steps of each, the last ones.

        Raises:
            InvalidInput: They are of another kind, or a value is missing.
        """


class Symbols(Encoder):
    """Tokens: the most frequent words or characters of training; any other is the token 0.

    Args:
        found: The sequences to learn the vocabulary from.
        column: Holds text, or a list of symbols.
        level: What text is divided into.
        most: The vocabulary size.
    """

    kind = "tokens"

    def __init__(self, found: Sequences, column: str, level: Level, most: int) -> None:
        self.column, self.level = column, level
        counts = Counter(chain.from_iterable(self._symbols(found)))
        known = sorted(counts, key=lambda symbol: (-counts[symbol], symbol))[:most]
        self.names = ["", *known]
        self._token = {symbol: token for token, symbol in enumerate(known, UNKNOWN + 1)}
        self.size = len(self.names)

    def encoded(self, found: Sequences, longest: int | None) -> Ragged:
        """Return tokens, int64."""
        tokens = [
            torch.tensor([self._token.get(symbol, UNKNOWN) for symbol in symbols])
            for symbols in self._symbols(found)
        ]
        return joined(tokens, longest)

    def _symbols(self, found: Sequences) -> list[list[str]]:
        cells = enumerate(found.cells[self.column])
        return [_divided(cell, found, self.column, number, self.level) for number, cell in cells]


class Numbers(Encoder):
    """Vectors, scaled to mean 0 and standard deviation 1 over all training steps.

    Args:
        found: The sequences to learn the scale from.
        columns: Each holds a list of numbers, one channel; or one column holds a list of vectors.
    """

    kind = "vectors"

    def __init__(self, found: Sequences, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        steps = torch.cat(self._vectors(found, None))
        self.size = steps.shape[1]
        deviation = steps.std(0, correction=0)
        self.mean = steps.mean(0)
        self.deviation = torch.where(deviation > ROUNDING * self.mean.abs(), deviation, 1.0)

    def encoded(self, found: Sequences, longest: int | None) -> Ragged:
        """Return vectors in the default dtype."""
        dtype = torch.get_default_dtype()
        scaled = [((x - self.mean) / self.deviation).to(dtype) for x in self._vectors(found, self.size)]
        return joined(scaled, longest)

    def _vectors(self, found: Sequences, size: int | None) -> list[Tensor]:
        """Return (T, C) of each sequence, in float64."""
        vectors = []
        for column in self.columns:
            check_words(found, column)
        for number in range(len(found.numbers)):
            channels = [_channels(found, column, number) for column in self.columns]
            _check_steps(channels, found, self.columns, number)
            vectors.append(torch.cat(channels, 1))
            size = size or vectors[0].shape[1]
            if vectors[-1].shape[1] != size:
                message = f"{found.place(self.columns[0], number)}: vectors of {vectors[-1].shape[1]} numbers"
                raise InvalidInput(f"{message}, where others have {size}; make all of one width")
        return vectors


def encoder_of(
    found: Sequences, columns: Sequence[str], level: Level, most: int, named: Sequence[str]
) -> Encoder:
    """Return the encoder for what the columns hold, learned from these sequences.

    Args:
        found: The sequences.
        columns: The input columns.
        level: What text is divided into.
        most: The vocabulary size.
        named: The columns that the user calls text; another is not, if most of it are numbers.

    Raises:
        InvalidInput: There are several columns with text, or a value is missing.
    """
    texts = [name for name in columns if _is_text(found.cells[name])]
    for name in set(texts) - set(named):
        check_words(found, name)
    if not texts:
        return Numbers(found, columns)
    if len(columns) > 1:
        message = f"column '{texts[0]}' of {found.where} holds text, which is read alone"
        raise InvalidInput(f"{message}; name one column, such as task.input={texts[0]}, or only numbers")
    return Symbols(found, texts[0], level, most)


def joined(sequences: Sequence[Tensor], longest: int | None) -> Ragged:
    """Return sequences end to end, each with at most its last `longest` steps."""
    kept = [x if longest is None else x[-longest:] for x in sequences]
    counts = torch.tensor([len(x) for x in kept])
    return Ragged(torch.cat(kept), counts.cumsum(0) - counts, counts)


def check_words(found: Sequences, column: str) -> None:
    """Check that text is not a column of numbers that a few words have turned into text.

    Raises:
        InvalidInput: It is; the message names the first of the words.
    """
    values = [
        (number, step, value)
        for number, cell in enumerate(found.cells[column])
        for step, value in enumerate(cell if isinstance(cell, list) else [cell])
        if isinstance(value, str)
    ]
    words = [place for place in values if not _is_number(place[2])]
    if words and 2 * len(words) < len(values):
        number, step, value = words[0]
        message = f"{found.place(column, number, step)}: {value!r}, where most others are numbers"
        raise InvalidInput(f"{message}; correct it, or, if the column is text, set task.text={column}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_text(cells: Iterable[Any]) -> bool:
    first = next((cell for cell in cells if cell is not None), None)
    while isinstance(first, list) and first:
        first = first[0]
    return isinstance(first, str)


def _divided(cell: Any, found: Sequences, column: str, number: int, level: Level) -> list[str]:
    if isinstance(cell, list):
        lacking = next((step for step, symbol in enumerate(cell) if symbol is None), None)
        symbols = [str(symbol) for symbol in cell]
        if lacking is not None:
            raise InvalidInput(f"{found.place(column, number, lacking)}: no value; {REMEDY}")
    elif isinstance(cell, str):
        symbols = WORD.findall(cell.lower()) if level == "word" else list(cell)
    else:
        shown = "no text" if cell is None else f"{cell!r}, where others have text"
        raise InvalidInput(f"{found.place(column, number)}: {shown}; {REMEDY}")
    if not symbols:
        raise InvalidInput(f"{found.place(column, number)}: the sequence is empty; {REMEDY}")
    return symbols


def _channels(found: Sequences, column: str, number: int) -> Tensor:
    """Return a cell as (T, C): a list of numbers is one channel."""
    cell = found.cells[column][number]
    if not isinstance(cell, list):
        message = f"{found.place(column, number)}: {cell!r} is not a sequence; write a list"
        raise InvalidInput(
            f"{message}, or, if rows are steps, set task.sequence to the column that tells sequences apart"
        )
    if not cell or cell[0] == []:
        raise InvalidInput(f"{found.place(column, number)}: the sequence is empty; {REMEDY}")
    try:
        x = torch.tensor(cell, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        x = torch.full((1, 1), torch.nan)
    x = x[:, None] if x.dim() == 1 else x
    if x.dim() != 2 or not bool((x.abs() <= LARGEST).all()):
        step, value = _first_wrong(cell)
        message = f"{found.place(column, number, step)}: {_shown(value)}, and a finite number was expected"
        raise InvalidInput(f"{message}; {REMEDY}, or leave the column out of task.input")
    return x


def is_finite(value: Any) -> bool:
    """Say whether a value of a file is a number that a float in single precision can hold."""
    return isinstance(value, int | float) and abs(value) <= LARGEST


def _first_wrong(cell: Sequence[Any]) -> tuple[int, Any]:
    """Return the first element that is neither a finite number nor a vector as wide as the first one."""
    for step, value in enumerate(cell):
        numbers = value if isinstance(value, list) else [value]
        right = all(map(is_finite, numbers))
        if not right or isinstance(value, list) != isinstance(cell[0], list):
            return step, value
        if isinstance(value, list) and len(value) != len(cell[0]):
            return step, value
    return 0, cell[0]


def _shown(value: Any) -> str:
    text = "no value" if value is None else repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _check_steps(channels: Sequence[Tensor], found: Sequences, columns: Sequence[str], number: int) -> None:
    for column, x in zip(columns, channels, strict=True):
        if len(x) != len(channels[0]):
            message = f"{found.place(column, number)}: {len(x)} steps, where column '{columns[0]}' has"
            raise InvalidInput(f"{message} {len(channels[0])}; make the columns of a row equally long")

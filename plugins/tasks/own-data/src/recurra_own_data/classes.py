"""The classes of a user's data: which labels there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from recurra import InvalidInput, nearest


class Classes:
    """Numbers for labels, in the order of the labels.

    Args:
        labels: The labels of training, any values of one kind.
        where: The file and the column, for messages.

    Raises:
        InvalidInput: There are fewer than two different labels, or they are of several kinds.
    """

    def __init__(self, labels: Sequence[Any], where: str) -> None:
        kinds = {_kind(label): label for label in labels}
        if len(kinds) > 1:
            one, other, *_ = kinds.values()
            message = f"{where} has labels of several kinds, {one!r} and {other!r}"
            raise InvalidInput(f"{message}; write all as text")
        self.names = sorted(set(labels))
        self._number = {label: number for number, label in enumerate(self.names)}
        if len(self.names) < 2:
            found = f"only the label {self.names[0]!r}" if self.names else "no label"
            raise InvalidInput(f"{where} has {found} in training; a class needs another to be told from")

    def number(self, label: Any, place: str) -> int:
        """Return the number of a label; raises InvalidInput if it is not one of training."""
        if label not in self._number:
            near = nearest(str(label), [str(name) for name in self.names])
            message = f"{place}: the label {label!r} is not one of the training sequences"
            raise InvalidInput(message + (near or f", {_listed(self.names)}"))
        return self._number[label]

    def described(self, probabilities: Tensor) -> Mapping[str, Any]:
        """Return the likeliest label and the probability of each: (O,) -> column -> value."""
        shares = {f"p_{name}": float(p) for name, p in zip(self.names, probabilities, strict=True)}
        return {"prediction": self.names[int(probabilities.argmax())], **shares}


def _kind(label: Any) -> type:
    return float if type(label) is int else type(label)


def _listed(names: Sequence[Any]) -> str:
    few = ", ".join(map(repr, names[:8]))
    return f"{few} and {len(names) - 8} more" if len(names) > 8 else few

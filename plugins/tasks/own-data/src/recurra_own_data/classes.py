"""The classes of a user's data: what its labels are, and how outputs are compared with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from recurra import Batch, InvalidInput, Score, nearest


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


def loss(y: Tensor, batch: Batch) -> Tensor:
    """Return the mean cross-entropy per scored step, in nats."""
    return cross_entropy(y[batch.mask], batch.target[batch.mask])


def scores(y: Tensor, batch: Batch) -> dict[str, Score]:
    """Return accuracy_percent, and the nats per scored step."""
    logits, due = y[batch.mask].double(), batch.target[batch.mask]
    right = 100 * float((logits.argmax(-1) == due).sum())
    nats = float(cross_entropy(logits, due, reduction="sum"))
    return {"accuracy_percent": Score(right, len(due)), "nats": Score(nats, len(due))}


def logits_of(batch: Batch, classes: int) -> Tensor:
    """Return outputs that name the right class at every step."""
    return 100 * one_hot(batch.target, classes).to(torch.get_default_dtype())


def constant(known: Tensor, due: Tensor, classes: int) -> Mapping[str, float]:
    """Return what the shares of the classes in training score: labels (N,), labels (M,) -> score -> mean."""
    shares = (torch.bincount(known, minlength=classes) + 1.0).double()
    shares = shares / shares.sum()
    accuracy = 100 * float((due == shares.argmax()).double().mean())
    return {"accuracy_percent": accuracy, "nats": -float(shares.log()[due].mean())}


def _kind(label: Any) -> type:
    return float if type(label) is int else type(label)


def _listed(names: Sequence[Any]) -> str:
    few = ", ".join(map(repr, names[:8]))
    return f"{few} and {len(names) - 8} more" if len(names) > 8 else few

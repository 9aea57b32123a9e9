"""Checks of X and y, each with one sentence for what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from torch import Tensor

LARGEST = np.finfo(np.float32).max
EXPECTED = "a list of arrays (steps, variables), or one array (sequences, steps, variables)"


def sequences_of(X: Any) -> list[Tensor]:
    """Return sequences (T, I) in float64.

    Args:
        X: A list of N arrays (T, I), whose T may differ, or one array (N, T, I).

    Raises:
        ValueError: X is something else, a sequence is empty, the widths differ, or a number is not finite.
    """
    if hasattr(X, "__array__"):
        X = _array(X)
    if not isinstance(X, list | tuple | np.ndarray):
        raise ValueError(f"X must be {EXPECTED}, got {type(X).__name__}")  # noqa: TRY004 (as scikit-learn)
    if isinstance(X, np.ndarray) and X.ndim != 3 and not _holds_arrays(X):
        raise ValueError(f"X must be {EXPECTED}, got an array of shape {tuple(X.shape)}{_remedy(X)}")
    if not len(X):
        raise ValueError(f"X has 0 sequences; expected {EXPECTED}")
    sequences = [_sequence(x, number) for number, x in enumerate(X)]
    width = sequences[0].shape[1]
    for number, x in enumerate(sequences):
        if x.shape[1] != width:
            message = f"X[{number}] has {x.shape[1]} variables, where X[0] has {width}"
            raise ValueError(f"{message}; make all sequences of one width")
    return sequences


def check_lengths(X: Sequence[Any], y: Any, estimator: str) -> None:
    """Check that there is a target for each sequence.

    Raises:
        ValueError: There is not.
    """
    if y is None:
        raise ValueError(f"{estimator} requires y to be passed, but the target y is None")
    targets = _array(y) if hasattr(y, "__array__") else y
    if not isinstance(targets, list | tuple | np.ndarray) or (hasattr(targets, "ndim") and not targets.ndim):
        raise ValueError(f"y must be a list or an array, got {type(y).__name__}")
    if len(targets) != len(X):
        raise ValueError(f"X has {len(X)} sequences and y has {len(targets)} targets; expected equally many")


def tags_of(y: Sequence[Any], steps: Sequence[int]) -> list[NDArray[Any]]:
    """Return the tags (T,) of each sequence.

    Raises:
        ValueError: A sequence has more or fewer tags than steps.
    """
    tags = [np.asarray(each) for each in y]
    for number, (each, count) in enumerate(zip(tags, steps, strict=True)):
        if each.ndim != 1:
            raise ValueError(f"y[{number}] must be a list of tags, one for each step, got shape {each.shape}")
        if len(each) != count:
            raise ValueError(f"y[{number}] has {len(each)} tags, where X[{number}] has {count} steps")
    return tags


def classes_of(labels: NDArray[Any]) -> NDArray[Any]:
    """Return the different labels, sorted.

    Raises:
        ValueError: The labels are no classes, or of several kinds.
    """
    try:
        check_classification_targets(labels)
        return np.unique(labels)
    except TypeError:
        kinds = ", ".join(sorted({type(label).__name__ for label in labels}))
        raise ValueError(f"y has labels of several kinds: {kinds}; use one kind") from None


def _array(x: Any) -> NDArray[Any]:
    return np.asarray(x.detach().cpu() if isinstance(x, Tensor) else x)


def _holds_arrays(X: NDArray[Any]) -> bool:
    return X.ndim == 1 and X.dtype == object


def _remedy(X: NDArray[Any]) -> str:
    return "; X[:, :, None] makes each row a sequence of one variable" if X.ndim == 2 else ""


def _sequence(x: Any, number: int) -> Tensor:
    try:
        given = _array(x)
        values = given.astype(np.float64) if given.dtype.kind in "biufO" else None
    except (TypeError, ValueError):
        values = None
    if values is None:
        raise ValueError(f"X[{number}] must be an array of numbers (steps, variables)")
    if values.ndim != 2:
        reshaped = f"; reshape it with X[{number}][:, None]" if values.ndim == 1 else ""
        message = f"X[{number}] must have the shape (steps, variables), got {values.shape}"
        raise ValueError(message + reshaped)
    if not values.size:
        raise ValueError(f"X[{number}] is empty: its shape is {values.shape}; remove it")
    wrong = ~(np.abs(values) <= LARGEST)
    if wrong.any():
        step, variable = np.argwhere(wrong)[0]
        message = f"X[{number}] contains NaN, infinity or a number too large for float32"
        raise ValueError(f"{message}, at step {step}, variable {variable}; impute it or remove the sequence")
    return torch.from_numpy(values)

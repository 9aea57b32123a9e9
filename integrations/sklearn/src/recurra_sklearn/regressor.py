"""Regression: one number, or several, for each sequence."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import check_array

from recurra_own_data.sequence_regression_task import SequenceRegression
from recurra_sklearn.estimator import SequenceEstimator
from recurra_sklearn.inputs import check_lengths, sequences_of


class SequenceRegressor(RegressorMixin, SequenceEstimator):  # type: ignore[misc]
    """Estimates one or several numbers at the last step of a sequence, with any cell of recurra.

    It trains as `recurra train sequence-regression` does; `SequenceEstimator` describes the parameters.
    Targets are scaled to mean 0 and standard deviation 1 over training; predictions are in the units of y.
    """

    _task = SequenceRegression
    _task_name = "sequence-regression"

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of an estimator."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """Train from the beginning.

        Args:
            X: A list of N arrays (T, I), or one array (N, T, I).
            y: Numbers (N,), or (N, O) for several targets.

        Raises:
            ValueError: X or y has the wrong form, a target is constant, or a parameter is wrong.
        """
        sequences = sequences_of(X)
        check_lengths(sequences, y, type(self).__name__)
        values = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if len(values) == 1:
            raise ValueError(f"y has 1 sample; {type(self).__name__} needs at least 2 that differ")
        columns = values.reshape(len(values), -1).T
        for number, column in enumerate(columns):
            if np.ptp(column) == 0:
                which = f"column {number} of y" if values.ndim > 1 else "y"
                raise ValueError(f"{which} is {column[0]:g} everywhere: nothing is left to estimate")
        targets = {f"target_{number}": column.tolist() for number, column in enumerate(columns)}
        self._train(sequences, targets, [[0]] * len(values))
        self._several = values.ndim > 1
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the estimates, in the form of y: (N,) or (N, O)."""
        estimates = np.stack([y[-1].numpy() for y in self._predictions(X)])
        return estimates if self._several else estimates[:, 0]

"""Classification: one label for each sequence."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import check_array, column_or_1d

from recurra_own_data.sequence_classification_task import SequenceClassification
from recurra_sklearn.estimator import SequenceEstimator
from recurra_sklearn.inputs import check_lengths, classes_of, sequences_of


class SequenceClassifier(ClassifierMixin, SequenceEstimator):  # type: ignore[misc]
    """Names the class of a sequence, read at its last step, with any cell of recurra.

    It trains as `recurra train sequence-classification` does; `SequenceEstimator` describes the parameters.

    Attributes:
        classes_: The labels (K,), sorted.
    """

    _task = SequenceClassification
    _task_name = "sequence-classification"

    def fit(self, X: Any, y: Any) -> Self:
        """Train from the beginning.

        Args:
            X: A list of N arrays (T, I), or one array (N, T, I).
            y: N labels: text, integers or booleans.

        Raises:
            ValueError: X or y has the wrong form, there is one class only, or a parameter is wrong.
        """
        sequences = sequences_of(X)
        check_lengths(sequences, y, type(self).__name__)
        labels = column_or_1d(check_array(y, ensure_2d=False, dtype=None, input_name="y"), warn=True)
        classes = classes_of(labels)
        if len(classes) < 2:
            message = f"y has one class, {labels[0]}"
            raise ValueError(f"{message}; {type(self).__name__} needs at least 2 classes")
        names = labels.tolist()
        self._train(sequences, {"label": names}, [[name] for name in names])
        self.classes_ = classes
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, in the order of `classes_`: (N, K)."""
        return np.stack([p[-1].numpy() for p in self._predictions(X)])

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest label of each sequence: (N,)."""
        likeliest = self.predict_proba(X).argmax(1)
        found: NDArray[Any] = self.classes_[likeliest]
        return found

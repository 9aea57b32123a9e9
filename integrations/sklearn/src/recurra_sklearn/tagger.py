"""Tagging: one label for each step of a sequence."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recurra_own_data.tagging_task import Tagging
from recurra_sklearn.estimator import SequenceEstimator
from recurra_sklearn.inputs import check_lengths, classes_of, sequences_of, tags_of


class SequenceTagger(SequenceEstimator):
    """Names the class of every step of a sequence, with any cell of recurra.

    It trains as `recurra train tagging` does; `SequenceEstimator` describes the parameters. To scikit-learn
    it is no classifier, since y has a list of tags for each sample: cross-validation does not stratify.

    Attributes:
        classes_: The tags (K,), sorted.
    """

    _task = Tagging
    _task_name = "tagging"

    def fit(self, X: Any, y: Any) -> Self:
        """Train from the beginning.

        Args:
            X: A list of N arrays (T, I), or one array (N, T, I).
            y: N lists of tags, each as long as its sequence: text, integers or booleans.

        Raises:
            ValueError: X or y has the wrong form, there is one tag only, or a parameter is wrong.
        """
        sequences = sequences_of(X)
        check_lengths(sequences, y, type(self).__name__)
        tags = tags_of(y, [len(x) for x in sequences])
        flat = np.concatenate(tags)
        classes = classes_of(flat)
        if len(classes) < 2:
            raise ValueError(f"y has one tag, {classes[0]}; {type(self).__name__} needs at least 2")
        named = [each.tolist() for each in tags]
        self._train(sequences, {"tags": named}, named)
        self.classes_ = classes
        return self

    def predict_proba(self, X: Any) -> list[NDArray[np.float64]]:
        """Return the probability of each tag at every step: N arrays (T, K), in the order of `classes_`."""
        return [p.numpy() for p in self._predictions(X)]

    def predict(self, X: Any) -> list[NDArray[Any]]:
        """Return the likeliest tag at every step: N arrays (T,)."""
        return [self.classes_[p.argmax(1)] for p in self.predict_proba(X)]

    def score(self, X: Any, y: Any) -> float:
        """Return the fraction of right tags over all steps."""
        predicted = self.predict(X)
        check_lengths(predicted, y, type(self).__name__)
        due = tags_of(y, [len(each) for each in predicted])
        return float(np.mean(np.concatenate(predicted) == np.concatenate(due)))

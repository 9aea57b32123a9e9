"""scikit-learn estimators whose samples are sequences, with any cell of recurra."""

from recurra_sklearn.classifier import SequenceClassifier
from recurra_sklearn.estimator import SequenceEstimator
from recurra_sklearn.regressor import SequenceRegressor
from recurra_sklearn.tagger import SequenceTagger

__all__ = ["SequenceClassifier", "SequenceEstimator", "SequenceRegressor", "SequenceTagger"]

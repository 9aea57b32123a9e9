"""Small sequences, and what is to be learned from them."""

import numpy as np
import pytest

from recurra_sklearn import SequenceClassifier, SequenceRegressor, SequenceTagger

SMALL = {"cell": "elman", "cell_options": {"hidden_size": 4}, "max_updates": 3, "random_state": 0}


@pytest.fixture
def X():
    """Return twenty-four sequences (T, 2) of three to seven steps."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=(rng.integers(3, 8), 2)) for _ in range(24)]


@pytest.fixture
def targets(X):
    """Return estimator -> y."""
    return {
        SequenceClassifier: [("down", "up")[int(x.sum() > 0)] for x in X],
        SequenceRegressor: [float(x.sum()) for x in X],
        SequenceTagger: [["neg" if v < 0 else "pos" for v in x[:, 0]] for x in X],
    }


@pytest.fixture(params=[SequenceClassifier, SequenceRegressor, SequenceTagger], ids=lambda c: c.__name__)
def estimator(request):
    """Return a small estimator of each kind."""
    return request.param(**SMALL)


@pytest.fixture
def y(estimator, targets):
    """Return the targets of the estimator."""
    return targets[type(estimator)]

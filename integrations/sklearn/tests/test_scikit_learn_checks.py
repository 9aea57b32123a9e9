"""scikit-learn's own checks.

Those of parameters, tags and copies apply as they are. Those with data provide tables (samples, features) as
X, which the estimators reject; they run on subclasses that read each row of a table as a sequence of one
variable. The following do not apply:

- checks of `SequenceTagger` with data: they provide one target for each sample, and not a list of tags;
- checks of the accuracy on tables of blobs: the networks of these tests are trained for three updates only
  (`poor_score`);
- checks of `sample_weight`, `partial_fit`, `warm_start`, `decision_function` and `transform`, which the
  estimators do not have, and which `estimator_checks_generator` therefore omits;
- checks of column names and of sparse tables say something about the subclasses alone, since sequences have
  neither.
"""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from recurra_sklearn import SequenceClassifier, SequenceRegressor

WITHOUT_DATA = (
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
)
SMALL = {"cell": "elman", "cell_options": {"hidden_size": 4}, "max_updates": 3, "random_state": 0}


class OfRows:
    """Mixin that reads the rows of a table as sequences of one variable."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        for kind in (tags.classifier_tags, tags.regressor_tags):
            if kind is not None:
                kind.poor_score = True
        return tags

    def fit(self, X, y):
        table = validate_data(self, X, dtype=np.float64)
        super().fit(table[:, :, None], y)
        self.n_features_in_ = table.shape[1]
        return self

    def _check_width(self, width):
        assert width == 1

    def _predictions(self, X):
        check_is_fitted(self)
        return super()._predictions(validate_data(self, X, dtype=np.float64, reset=False)[:, :, None])


class ClassifierOfRows(OfRows, SequenceClassifier):
    """A classifier of tables."""


class RegressorOfRows(OfRows, SequenceRegressor):
    """A regressor of tables."""


@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_checks_without_data(name, estimator):
    check = getattr(estimator_checks, name)
    check(type(estimator).__name__, clone(estimator))


@pytest.mark.slow  # a hundred checks, several of which train a dozen times
@parametrize_with_checks([ClassifierOfRows(**SMALL), RegressorOfRows(**SMALL)])
def test_checks_with_data(estimator, check):
    check(estimator)

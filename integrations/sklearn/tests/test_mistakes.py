"""A mistake in X, y or a parameter is one sentence, as a ValueError."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from recurra_sklearn import SequenceClassifier, SequenceRegressor, SequenceTagger

GOOD = [np.zeros((3, 2)), np.ones((4, 2))]
EXPECTED = "a list of arrays (steps, variables), or one array (sequences, steps, variables)"
NAN = np.array([[0.0, 1.0], [np.nan, 1.0]])

MISTAKES_IN_X = {
    "a table": (
        np.zeros((2, 5)),
        f"X must be {EXPECTED}, got an array of shape (2, 5); X[:, :, None] makes each row a sequence of one"
        " variable",
    ),
    "a number": (3, f"X must be {EXPECTED}, got int"),
    "nothing": ([], f"X has 0 sequences; expected {EXPECTED}"),
    "text": ([GOOD[0], "word"], "X[1] must be an array of numbers (steps, variables)"),
    "ragged": ([GOOD[0], [[1], [2, 3]]], "X[1] must be an array of numbers (steps, variables)"),
    "flat": (
        [GOOD[0], np.zeros(4)],
        "X[1] must have the shape (steps, variables), got (4,); reshape it with X[1][:, None]",
    ),
    "empty": ([GOOD[0], np.zeros((0, 2))], "X[1] is empty: its shape is (0, 2); remove it"),
    "widths": (
        [GOOD[0], np.zeros((3, 4))],
        "X[1] has 4 variables, where X[0] has 2; make all sequences of one width",
    ),
    "NaN": (
        [GOOD[0], NAN],
        "X[1] contains NaN, infinity or a number too large for float32, at step 1, variable 0; impute it or"
        " remove the sequence",
    ),
    "large": (
        [np.full((1, 2), 1e39), GOOD[0]],
        "X[0] contains NaN, infinity or a number too large for float32, at step 0, variable 0; impute it or"
        " remove the sequence",
    ),
}


@pytest.mark.parametrize("what", MISTAKES_IN_X)
def test_mistakes_in_x(what):
    X, message = MISTAKES_IN_X[what]
    with pytest.raises(ValueError) as found:
        SequenceClassifier().fit(X, [0, 1])
    assert str(found.value) == message


CLASSIFIER, REGRESSOR, TAGGER = SequenceClassifier(), SequenceRegressor(), SequenceTagger()
TAGS = [[0, 1, 0], [0, 1, 0, 1]]
MISTAKES_IN_Y = [
    (CLASSIFIER, None, "SequenceClassifier requires y to be passed, but the target y is None"),
    (CLASSIFIER, 3, "y must be a list or an array, got int"),
    (CLASSIFIER, [0, 1, 1], "X has 2 sequences and y has 3 targets; expected equally many"),
    (CLASSIFIER, ["a", "a"], "y has one class, a; SequenceClassifier needs at least 2 classes"),
    (CLASSIFIER, [0.5, 1.7], "Unknown label type: continuous."),
    (
        CLASSIFIER,
        np.array(["a", None], dtype=object),
        "y has labels of several kinds: NoneType, str; use one kind",
    ),
    (CLASSIFIER, [0.0, np.nan], "Input y contains NaN."),
    (REGRESSOR, [0.0, np.inf], "Input y contains infinity or a value too large for dtype('float64')."),
    (CLASSIFIER, np.array(3), "y must be a list or an array, got ndarray"),
    (REGRESSOR, [2.0, 2.0], "y is 2 everywhere: nothing is left to estimate"),
    (REGRESSOR, [[1, 2], [2, 2]], "column 1 of y is 2 everywhere: nothing is left to estimate"),
    (TAGGER, TAGS[:1], "X has 2 sequences and y has 1 targets; expected equally many"),
    (TAGGER, [TAGS[0], 1], "y[1] must be a list of tags, one for each step, got shape ()"),
    (TAGGER, [TAGS[0], TAGS[0]], "y[1] has 3 tags, where X[1] has 4 steps"),
    (TAGGER, [[1] * 3, [1] * 4], "y has one tag, 1; SequenceTagger needs at least 2"),
]


@pytest.mark.parametrize(("estimator", "y", "message"), MISTAKES_IN_Y)
def test_mistakes_in_y(estimator, y, message):
    with pytest.raises(ValueError) as found:
        estimator.fit(GOOD, y)
    assert str(found.value).startswith(message)
    assert "\n" not in message


MISTAKES_IN_PARAMETERS = [
    ({"cell": "gruu"}, "did you mean 'gru'?"),
    ({"cell": "tree-lstm"}, "choose a cell that reads vectors"),
    ({"cell_options": {"hiden_size": 3}}, "did you mean 'cell.hidden_size'?"),
    ({"learning_rate": -1.0}, "learning_rate = -1.0: expected a number greater than 0"),
    ({"batch_size": 0}, "batch_size = 0: expected an integer greater than 0"),
    ({"max_updates": 0}, "max_updates = 0: expected an integer greater than 0"),
    ({"max_updates": "5"}, "max_updates = "),
    (
        {"early_stopping": True, "validation_fraction": 1.0},
        "validation_fraction = 1.0: expected a number between",
    ),
    ({"early_stopping": True}, "no sequence of 2 can be held out without losing a class"),
    ({"early_stopping": True, "validation_fraction": "a"}, "validation_fraction = 'a': expected a number"),
    (
        {"cell_options": "x"},
        "cell_options = 'x': expected a dictionary of options, such as {'hidden_size': 32}",
    ),
    ({"options": 3}, "options = 3: expected a dictionary of options, such as {'model': {'layers': 2}}"),
    (
        {"options": {"run": {"devices": 2}}},
        "training in memory uses one process; run.devices = 2: expected 1",
    ),
    ({"random_state": -1}, "Seed must be between 0 and"),
    ({"options": {"modell": {"layers": 2}}}, "did you mean 'model'?"),
]


@pytest.mark.parametrize(("parameters", "message"), MISTAKES_IN_PARAMETERS, ids=str)
def test_mistakes_in_parameters(parameters, message):
    with pytest.raises(ValueError) as found:
        SequenceClassifier(**parameters).fit(GOOD, [0, 1])
    assert message in str(found.value)


def test_a_single_number_is_too_few():
    with pytest.raises(ValueError, match="y has 1 sample; SequenceRegressor needs at least 2 that differ"):
        REGRESSOR.fit(GOOD[:1], [1.0])


def test_mistakes_in_prediction():
    classifier = SequenceClassifier("elman", max_updates=1)
    with pytest.raises(NotFittedError):
        classifier.predict(GOOD)
    classifier.fit(GOOD, [0, 1])
    with pytest.raises(ValueError, match="X has 3 features, but SequenceClassifier is expecting 2 features"):
        classifier.predict([np.zeros((3, 3))])


@pytest.mark.parametrize("rate", [1e30, 1e38], ids=["the loss", "the update"])
def test_divergence_says_what_to_change(rate):
    X = [np.ones((3, 1)), np.zeros((3, 1))]
    diverging = SequenceRegressor("elman", learning_rate=rate)
    with pytest.raises(ValueError, match="train again with a smaller learning rate"):
        diverging.fit(X, [0.0, 1.0])

"""The estimators learn, repeat themselves, survive copies, and fit into scikit-learn."""

import io
import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import recurra
from recurra_sklearn import SequenceClassifier, SequenceRegressor, SequenceTagger
from recurra_sklearn.options import merged


def predictions(estimator, X):
    return np.concatenate([np.atleast_1d(each) for each in estimator.predict(X)])


@pytest.fixture
def classifier(X, targets):
    return SequenceClassifier("gru", max_updates=2, random_state=0).fit(X, targets[SequenceClassifier])


def test_the_classifier_gives_labels_and_probabilities(classifier, X, targets):
    p = classifier.predict_proba(X)
    assert classifier.classes_.tolist() == ["down", "up"]
    assert p.shape == (24, 2)
    assert np.allclose(p.sum(1), 1)
    assert classifier.predict(X).tolist() == classifier.classes_[p.argmax(1)].tolist()
    due = targets[SequenceClassifier]
    assert classifier.score(X, due) == accuracy_score(due, classifier.predict(X))


def test_the_tagger_gives_a_tag_for_every_step(X, targets):
    due = targets[SequenceTagger]
    tagger = SequenceTagger("elman", max_updates=60, learning_rate=0.03, random_state=0).fit(X, due)
    p = tagger.predict_proba(X)
    assert [each.shape for each in p] == [(len(x), 2) for x in X]
    assert tagger.classes_.tolist() == ["neg", "pos"]
    assert tagger.score(X, due) == pytest.approx(accuracy_score(np.concatenate(due), predictions(tagger, X)))
    assert tagger.score(X, due) > 0.9


def test_the_regressor_estimates_in_the_units_of_y(X, targets):
    y = 1000 + 10 * np.array(targets[SequenceRegressor])
    regressor = SequenceRegressor("elman", max_updates=60, learning_rate=0.01, random_state=0).fit(X, y)
    assert regressor.score(X, y) == r2_score(y, regressor.predict(X))
    assert regressor.score(X, y) > 0.5


def test_the_regressor_keeps_the_form_of_y(X, targets):
    y = np.array(targets[SequenceRegressor])
    several = SequenceRegressor("elman", max_updates=2).fit(X, np.stack([y, -y], 1))
    assert several.predict(X).shape == (24, 2)
    assert SequenceRegressor("elman", max_updates=2).fit(X, y[:, None]).predict(X).shape == (24, 1)


def test_an_array_and_a_list_of_its_sequences_are_the_same(estimator, X, y):
    cut = np.stack([x[:3] for x in X])
    y = [each[:3] if isinstance(each, list) else each for each in y]
    assert (
        predictions(clone(estimator).fit(cut, y), cut) == predictions(estimator.fit(list(cut), y), cut)
    ).all()


def test_tensors_are_arrays_too(X, targets):
    cut, y = np.stack([x[:3] for x in X]), np.arange(24) % 2
    small = SequenceClassifier("elman", max_updates=1, random_state=0)
    p = clone(small).fit(cut, y).predict_proba(cut)
    tensor = torch.tensor(cut, requires_grad=True)
    assert (small.fit(tensor, torch.tensor(y)).predict_proba(list(tensor)) == p).all()


def test_a_seed_repeats_the_fit_and_leaves_the_process_as_it_was(estimator, X, y):
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    first = predictions(clone(estimator).fit(X, y), X)
    torch.manual_seed(1)
    again = predictions(clone(estimator).fit(X, y), X)
    assert (first == again).all()
    torch.set_rng_state(before)
    estimator.fit(X, y)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_other_seeds_give_other_weights(X, targets):
    y = targets[SequenceClassifier]
    seeds = [0, 1, np.random.RandomState(0), np.random.RandomState(0)]
    p = [SequenceClassifier("elman", max_updates=1, random_state=s).fit(X, y).predict_proba(X) for s in seeds]
    assert not np.allclose(p[0], p[1])
    assert (p[2] == p[3]).all()


def test_copies_predict_the_same_and_hold_no_data(estimator, X, y):
    estimator.fit(X, y)
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    for copied in (pickle.loads(pickle.dumps(estimator)), joblib.load(file)):
        assert (predictions(copied, X) == predictions(estimator, X)).all()
        assert copied.n_features_in_ == 2
    task = estimator.trained_.task
    assert (task.x, task.due, task.read) == ({}, {}, {})


def test_a_clone_has_the_parameters_and_is_not_fitted(estimator, X, y):
    estimator.fit(X, y).set_params(batch_size=5)
    copied = clone(estimator)
    assert copied.get_params() == estimator.get_params()
    assert copied.batch_size == 5
    assert not hasattr(copied, "trained_")


def test_what_scikit_learn_takes_them_for():
    assert is_classifier(SequenceClassifier())
    assert is_regressor(SequenceRegressor())
    assert not is_classifier(SequenceTagger())


def test_fit_is_silent_and_writes_nothing(estimator, X, y, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    estimator.fit(X, y)
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_verbose_says_how_training_ended(estimator, X, y, capsys):
    estimator.set_params(verbose=True).fit(X, y)
    assert capsys.readouterr().out.splitlines()[-1] == "training ended after 3 updates"


def test_early_stopping_keeps_the_best_weights(X, targets, capsys):
    options = {"early_stopping": True, "validation_fraction": 0.25, "validate_every": 1, "patience": 2}
    stopped = SequenceRegressor("elman", max_updates=50, learning_rate=2.0, verbose=True, **options)
    stopped.set_params(random_state=0).fit(X, targets[SequenceRegressor])
    ended, kept = map(int, [w for w in capsys.readouterr().out.split() if w.isdigit()])
    assert ended == kept + 2 < 50
    # Weights after so many updates do not depend on how many were to follow.
    shorter = SequenceRegressor("elman", max_updates=kept, learning_rate=2.0, random_state=0, **options)
    shorter.fit(X, targets[SequenceRegressor])
    assert (stopped.predict(X) == shorter.predict(X)).all()


def test_options_reach_every_part_of_the_experiment(X, targets):
    chosen = {
        "model": {"layers": 2, "bidirectional": True},
        "trainer": {"clip_norm": 2.0},
        "task": {"longest": 2},
    }
    fitted = SequenceClassifier("elman", cell_options={"hidden_size": 3}, options=chosen, max_updates=1)
    made = fitted.fit(X, targets[SequenceClassifier]).trained_.experiment
    assert (made.model.layers, made.model.bidirectional) == (2, True)
    assert made.trainer.options["clip_norm"] == 2.0
    assert made.cell.options["hidden_size"] == 3
    last = [x[-2:] for x in X]
    assert np.allclose(fitted.predict_proba(X), fitted.predict_proba(last))


def test_another_learning_rule_keeps_the_learning_rate():
    below, rule = {"trainer": {"optimizer": {"lr": 0.1}}}, {"name": "rtrl", "optimizer": {"lr": 0.1}}
    assert merged(below, {"trainer": "rtrl"}) == {"trainer": rule}
    assert merged(below, {"trainer": {"name": "rtrl"}}) == {"trainer": rule}
    assert merged(below, {"trainer": {"optimizer": "sgd"}})["trainer"]["optimizer"] == {
        "lr": 0.1,
        "name": "sgd",
    }


def test_scalars_of_numpy_are_parameters_too(X, targets):
    drawn = {"max_updates": np.int64(1), "learning_rate": np.float64(0.5), "batch_size": np.int32(4)}
    cell = {"hidden_size": np.int64(3)}
    fitted = SequenceClassifier("elman", cell_options=cell, **drawn).fit(X, targets[SequenceClassifier])
    made = fitted.trained_.experiment
    assert (made.run.max_steps, made.run.batch_size) == (1, 4)
    assert made.trainer.options["optimizer"].lr == 0.5
    assert made.cell.options["hidden_size"] == 3


def scaled(X):
    return [x / 2 for x in X]


def test_a_pipeline_and_a_grid_search_take_lists(estimator, X, y):
    pipeline = make_pipeline(FunctionTransformer(scaled), estimator)
    name = type(estimator).__name__.lower()
    search = GridSearchCV(pipeline, {f"{name}__cell": ["elman", "gru"]}, cv=2, error_score="raise")
    search.set_params(**{f"estimator__{name}__max_updates": 1}).fit(X, y)
    assert search.best_params_[f"{name}__cell"] in ("elman", "gru")
    assert len(search.predict(X)) == 24


@pytest.mark.slow  # starts two processes, which import torch
def test_processes_of_joblib_score_as_one_does(estimator, X, y):
    alone = cross_val_score(estimator, X, y, cv=2, error_score="raise")
    assert cross_val_score(estimator, X, y, cv=2, n_jobs=2, error_score="raise").tolist() == alone.tolist()


@pytest.mark.slow  # writes two runs with their reports
@pytest.mark.parametrize("early", [False, True])
def test_a_run_that_is_kept_has_the_same_weights(estimator, X, y, early, tmp_path, capfd):
    estimator.set_params(early_stopping=early, validate_every=1, patience=1)
    in_memory = predictions(clone(estimator).fit(X, y), X)
    kept = estimator.set_params(out=tmp_path / "runs").fit(X, y)
    assert capfd.readouterr() == ("", "")
    assert (predictions(kept, X) == in_memory).all()
    (run,) = (path.parent for path in tmp_path.rglob("model.safetensors"))
    rows = recurra.load(run).rows(input=next(tmp_path.rglob("data-*/train.jsonl")))
    assert len(rows) >= 20

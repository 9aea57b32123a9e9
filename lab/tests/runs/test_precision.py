"""A run in any precision comes to its end, and its model is evaluated as it was trained."""

import pytest
import torch

from recurra.task import Score
from recurra_lab.reports.rollout import example, trace
from recurra_lab.runs.restore import restore
from recurra_lab.training.batches import Batches
from recurra_lab.training.evaluate import evaluate, evaluate_suite

DTYPES = {"64-true": torch.float64, "bf16-true": torch.bfloat16, "16-true": torch.float16}
CASES = [(task, precision) for task in ("copy", "time-series") for precision in DTYPES]


@pytest.mark.parametrize(("task", "precision"), [*CASES, ("embedded-reber", "64-true")])
def test_a_run_ends_and_its_model_scores_the_same_again(start, task, precision):
    # The default of eps is zero in float16.
    words = [f"run.precision={precision}", "trainer.optimizer.eps=1e-4", "run.max_steps=2"]
    folder, run, _ = start(*words, task=task)
    scores = run.start().scores
    experiment, known, model = restore(folder)
    assert {p.dtype for p in model.parameters()} == {DTYPES[precision]}
    again = evaluate_suite(model, known, batches=1, batch_size=4, seed=experiment.seed)
    assert again == scores
    assert trace(model, known, example(known, 0)).outputs.dtype == torch.float32


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed", "32-true"])
def test_mixed_precision_keeps_the_weights_in_float32(compose, precision):
    assert compose(f"run.precision={precision}").run.dtype == torch.float32


def test_an_environment_is_played_in_the_precision_of_the_weights(compose):
    experiment = compose(task="t-maze", cell="lstm")
    known = experiment.make_task()
    model = experiment.make_model(known).double()
    assert evaluate(model, Batches(known, 2, 0, "test", 0, 1), 1)["return"].weight == 2


def test_scores_are_summed_in_float32(compose, monkeypatch):
    # 257 is no number of bfloat16, whose integers end at 256 in steps of one.
    experiment = compose()
    known, seen = experiment.make_task(), []
    monkeypatch.setattr(
        type(known), "scores", lambda self, y, batch: seen.append(y.dtype) or {"n": Score(257, 1)}
    )
    model = experiment.make_model(known).bfloat16()
    evaluate(model, Batches(known, 2, 0, "test", 0, 1), 1)
    assert seen == [torch.float32]

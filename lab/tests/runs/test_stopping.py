"""What a run is stopped by: the scores of training batches, and validations that end early."""

from types import SimpleNamespace

import pytest

from recurra import Goal, Score
from recurra_contract import ToyTask
from recurra_contract.harness import PlainCell, model_of
from recurra_lab.runs.callbacks import SOLVED, StopRule, Validation
from recurra_lab.training.evaluate import evaluate

GOAL = Goal("wrong", below=0.3)


def test_a_run_can_be_stopped_by_its_training_batches():
    validation = Validation(None, 1, 1, StopRule(GOAL, 2, None), None, by_training=True)
    trainer, outcomes = SimpleNamespace(should_stop=False), []
    for step, wrong in enumerate([None, 0.5, 0.2, 0.1, 0.2]):
        scores = {} if wrong is None else {"wrong": wrong}  # a resumed run has none yet
        module = SimpleNamespace(batches_seen=step + 1, training_scores=scores)
        validation.on_train_batch_end(trainer, module, None, None, 0)
        outcomes.append(validation.outcome)
        if trainer.should_stop:
            break
    assert outcomes == [None, None, None, SOLVED]
    assert (validation.best, validation.last) == (0.1, 4)


@pytest.mark.parametrize(
    ("wrong", "goal", "seen"),
    [
        ([0, 0, 0, 0], GOAL, 4),
        ([1, 1, 0, 0], GOAL, 2),  # 1 of 4 may be wrong, and 2 are
        ([0, 1, 0, 0], GOAL, 4),
        ([1, 1, 1, 1], None, 4),
        ([1, 1, 1, 1], Goal("wrong", above=0.5), 4),
    ],
)
def test_a_validation_ends_when_its_goal_is_out_of_reach(monkeypatch, wrong, goal, seen):
    task = ToyTask()
    left, asked = iter(wrong), []
    monkeypatch.setattr(
        task, "evaluate", lambda *_: SimpleNamespace(state=None, scores={"wrong": Score(next(left), 1)})
    )

    class Data:
        def __getitem__(self, k):
            asked.append(k)
            return task.batch(k, batch_size=1, seed=0, split="validation")

        def continues_previous(self, k):
            return False

    data = Data()
    data.task = task
    scores = evaluate(model_of(task, PlainCell), data, len(wrong), abandon=goal)
    assert asked == list(range(seen))
    assert scores["wrong"].value == sum(wrong[:seen]) / seen

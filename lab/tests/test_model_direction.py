"""A bidirectional network may not read the answers of a task that asks for what follows."""

import pytest
from torch.nn.functional import one_hot

from recurra import GeneratedTask, IncompatibleParts, Ref
from recurra.plugins.registry import components, load
from recurra_lab import Model
from recurra_lab.snapshots.task import load_snapshot, write_snapshot


class Next(GeneratedTask):
    """Only says what it asks for."""

    causal = True

    def __init__(self):
        super().__init__(3, 2)

    def sample(self, batch_size, rng):
        raise AssertionError

    def loss(self, y, batch):
        raise AssertionError

    scores = oracle = loss


CELL = Ref("cell", "gru", hidden_size=4)


def test_both_directions_are_refused_where_later_steps_hold_the_target():
    told = "^task 'Next' asks for what follows, which a bidirectional network reads; choose model.bidirect"
    with pytest.raises(IncompatibleParts, match=told):
        Model(Next(), CELL, bidirectional=True, layers=2)
    assert Model(Next(), CELL, layers=2)
    free = Next()
    free.causal = False
    assert Model(free, CELL, bidirectional=True)


def ahead(batch):
    """Return the share of scored steps whose target is the next input; 0 if too few are scored to tell."""
    x, target, scored = batch.x[:, 1:], batch.target[:, :-1], batch.mask[:, :-1]
    if scored.sum() <= 2 * len(x):
        return 0.0
    if x.is_floating_point() and target.dim() == 2:
        target = one_hot(target.clamp(0, x.shape[-1] - 1), x.shape[-1])
    if not x.is_floating_point():
        x, target = x[..., None], target[..., None]
    width = min(x.shape[-1], target.shape[-1])
    same = (x[..., :width] == target[..., :width]).all(-1)
    return float(same[scored].float().mean())


@pytest.mark.parametrize("name", [offer.component.name for offer in components("task")])
def test_a_task_whose_targets_are_the_next_inputs_says_so(name):
    task = load("task", name)()
    batch = task.batch(0, batch_size=8, seed=0, split="train")
    if task.input_kind in ("vectors", "tokens") and ahead(batch) > 0.9:
        assert task.causal


def test_tasks_that_need_the_whole_sequence_do_not_forbid_it():
    whole = ("adding", "imdb", "mnist", "tomita", "parity", "copy", "time-series")
    assert not any(load("task", name).causal for name in whole)
    asked = ("language-model", "piano-roll", "embedded-reber", "dyck", "anbn", "translation", "mackey-glass")
    assert all(load("task", name).causal for name in asked)


def test_a_snapshot_of_a_task_forbids_the_same(tmp_path):
    counts = {"train": 1, "validation": 1, "test": 1}
    write_snapshot(load("task", "anbn")(), tmp_path / "snapshot", batches=counts, batch_size=2)
    assert load_snapshot(tmp_path / "snapshot").causal

"""Tasks of sequences that are in memory: those of a file with the same rows."""

import json

import pytest
import torch

from recurra_own_data.sequence_classification_task import SequenceClassification
from recurra_own_data.sequence_regression_task import SequenceRegression

ROWS = {"x": [[[1.0, 2.0], [3.0, 5.0]], [[0.5, 0.0]]], "target": [2.0, 3.0]}
SPLITS = ("train", "validation", "test")


@pytest.fixture
def path(tmp_path):
    lines = [json.dumps({"x": x, "target": y}) for x, y in zip(*ROWS.values(), strict=True)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_batches_are_those_of_a_file(path):
    known = SequenceRegression(file=path, validation_file=path, test_file=path)
    tensors = {**ROWS, "x": [torch.tensor(x, dtype=torch.float64) for x in ROWS["x"]]}
    for columns in (ROWS, tensors):
        made = SequenceRegression.of(dict.fromkeys(SPLITS, columns))
        assert not made.synthetic
        assert made.in_memory is None
        for split in SPLITS:
            found, due = (task.batch(0, batch_size=2, seed=0, split=split) for task in (made, known))
            assert all(map(torch.equal, found, due))


def test_a_task_without_data_gives_the_same_outputs():
    columns = {"x": ROWS["x"], "label": ["a", "b"]}
    task = SequenceClassification.of(dict.fromkeys(SPLITS, columns))
    light = task.without_data()
    assert (light.x, light.due, light.read) == ({}, {}, {})
    assert task.count("train") == 2

    def network(x, state, *, lengths):
        return x.cumsum(1), state

    known, found = ([*each.outputs(network, {"x": ROWS["x"]}, 1)] for each in (task, light))
    assert [len(y) for y in found] == [2, 1]
    assert all(map(torch.equal, found, known))

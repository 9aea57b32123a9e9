"""Predictions are rows in the words of the file."""

import json

import torch

from recurra_lab import load, train
from recurra_own_data.predictions import Labelled
from recurra_own_data.sequence_classification_task import SequenceClassification
from recurra_own_data.sequence_regression_task import SequenceRegression
from recurra_own_data.tagging_task import Tagging


def knowing(task, outputs):
    """Return a network that gives outputs (O,) at every step."""
    return lambda x, state, lengths: (torch.tensor(outputs).expand(*x.shape[:2], -1), state)


def test_a_row_for_each_sequence_of_the_file(tmp_path):
    path = tmp_path / "new.jsonl"
    path.write_text("".join(json.dumps({"values": [0.0] * n}) + "\n" for n in (1, 3, 2)))
    task = SequenceClassification()
    rows = list(Labelled(task, input=path, batch_size=2).rows(knowing(task, [0.0, 0.0, 50.0])))
    assert [row["row"] for row in rows] == [1, 2, 3]
    assert rows[0] == {
        "row": 1,
        "prediction": "square",
        "p_saw-tooth": rows[0]["p_sine"],
        "p_sine": rows[0]["p_sine"],
        "p_square": 1.0,
    }


def test_the_test_split_comes_with_its_targets():
    task = SequenceRegression()
    rows = list(Labelled(task).rows(knowing(task, [0.0])))
    assert len(rows) == task.count("test")
    assert all(row["target"] == float(task.mean[0]) for row in rows)
    assert [row["target_actual"] for row in rows] == [
        row["target_actual"] for (row,) in task.actual(task.read["test"])
    ]


def test_a_row_for_each_step():
    task = Tagging(longest=5)
    rows = list(Labelled(task).rows(knowing(task, [0.0, 9.0])))
    assert [row["step"] for row in rows[:5]] == [1, 2, 3, 4, 5]
    assert {row["prediction"] for row in rows} == {"on"}
    assert len(rows) == int(task.x["test"].counts.sum())
    assert {row["actual"] for row in rows} == {"off", "on"}


def test_a_run_is_loaded_and_predicts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = train("tagging", "gru", cell={"hidden_size": 4}, run={"max_steps": 2})
    rows = load(run).rows()
    assert set(rows[0]) == {"row", "step", "prediction", "p_off", "p_on", "actual"}

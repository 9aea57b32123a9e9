"""Predictions are rows in the words of the file."""

import decimal
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner

from recurra_lab import load, train
from recurra_lab.cli.predict import predict
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


@pytest.mark.parametrize("column", ["prediction", "actual", "step"])
def test_the_name_of_a_sequence_is_kept_beside_columns_of_that_name(tmp_path, column):
    path = tmp_path / "data.csv"
    lines = [f"{n // 2},{n},{'ab'[n % 2]}" for n in range(40)]
    path.write_text("\n".join([f"{column},x,tags", *lines]))
    task = Tagging(file=path, sequence=column)
    row = next(Labelled(task).rows(knowing(task, [9.0, 0.0])))
    assert row[f"{column}_"] == task.read["test"].names[0]
    assert {"step", "prediction", "actual"} <= set(row)


def test_a_target_called_row(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({"x": [n], "row": n}) + "\n" for n in range(20)))
    task = SequenceRegression(file=path, target=("row",))
    row = next(Labelled(task).rows(knowing(task, [0.0])))
    assert list(row) == ["row_", "row", "row_actual"]


def test_text_and_labels_that_look_like_numbers(tmp_path):
    train, new = tmp_path / "train.csv", tmp_path / "new.csv"
    train.write_text("x,label\n" + "".join(f"word 007,{n % 2}\nword 5,x\n" for n in range(20)))
    new.write_text("x,label\n007,1\n")
    task = SequenceClassification(file=train, test_file=new)
    found = Labelled(task, input=new)
    assert found.found.cells["x"] == ["007"]
    assert int(task.x["test"].values[0]) == task.encoder._token["007"]
    assert found.actual == [[{"actual": "1"}]]


def test_values_that_never_change_are_not_scaled_by_rounding_errors(tmp_path):
    path = tmp_path / "data.jsonl"
    rows = [{"x": [0.1] * 7, "label": "ab"[n % 2]} for n in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert float(SequenceClassification(file=path).encoder.deviation) == 1.0


def test_a_decimal_target(tmp_path):
    path = tmp_path / "data.parquet"
    targets = [decimal.Decimal(n) / 4 for n in range(20)]
    pq.write_table(pa.table({"x": [[1.0]] * 20, "target": targets}), path)
    task = SequenceRegression(file=path)
    assert task.read["train"].cells["target"][0] == 0.25 * (task.read["train"].names[0] - 1)


def test_a_warning_that_the_training_file_has_changed(tmp_path):
    path = tmp_path / "data.jsonl"
    rows = [{"x": [n], "label": "ab"[n % 2]} for n in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = {"cell": {"hidden_size": 2}, "run": {"max_steps": 1, "progress": False}}
    run = train("sequence-classification", "elman", task={"file": path}, out=tmp_path, **model)
    path.write_text(path.read_text().replace('"a"', '"c"'))
    with pytest.warns(UserWarning, match="has changed since the run was started; the predictions are wrong"):
        load(run)
    printed = CliRunner().invoke(predict, [str(run.path)])
    assert "warning: " in printed.stderr
    assert "p_c" in printed.stdout

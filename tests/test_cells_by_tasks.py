"""The benchmark of cells by tasks: its tables and its picture show every run, failed ones too."""

import importlib.util
import json
import math
from pathlib import Path

import pytest

from recurra_contract import ToyTask

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "cells_by_tasks.py"
TASK = "parity task.min_length=2 task.max_length=3"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def result(cell, seed, value, task=TASK):
    suite = {"length-10": {"wrong_share": value}, "length-1000": {"wrong_share": value + 0.1}}
    scored = {"score": "wrong_share", "value": value, "last": "length-1000", "suite": suite}
    return {"cell": cell, "task": task, "seed": seed, "options": []} | scored


FOUND = [
    *(result("gru", seed, value) for seed, value in enumerate((0.1, 0.4, 0.2))),
    result("lstm", 0, 0.25),
    *({"cell": "lstm", "task": TASK, "seed": seed, "options": [], "failed": "no room"} for seed in (1, 2)),
]


def test_tables_hold_medians_ranges_and_failures(benchmark):
    first, last, failed = benchmark.tables(FOUND, ["gru", "lstm", "elman"], [TASK], 3).split("## ")[1:]
    assert f"| `{TASK}` | wrong_share | 0.2 (0.1 to 0.4) | 0.25; 2 failed | failed |" in first
    assert f"| `{TASK}` | wrong_share, length-1000 | 0.3 (0.2 to 0.5) | 0.35; 2 failed | failed |" in last
    assert failed.splitlines()[2:] == [f"- `lstm` on `{TASK}`: no room"]


def test_colours_lie_between_a_constant_answer_and_the_right_one(benchmark):
    assert benchmark._share_of([0.1, 0.4, 0.2], TASK) == pytest.approx(1 - 0.2 / 0.5)
    assert benchmark._share_of([0.9], TASK) == 0
    assert math.isnan(benchmark._share_of([], TASK))
    task = ToyTask()
    task.baselines = dict  # a task that knows none: solved or not
    assert [benchmark.share(value, task) for value in (task.goal.below - 1, task.goal.below + 1)] == [1, 0]


def test_the_picture_is_the_same_every_time(benchmark):
    first, second = (benchmark.heat_map(FOUND, ["gru", "lstm"], [TASK], 3).content for _ in range(2))
    assert first == second
    assert first.startswith(b"<?xml")


def test_a_run_that_is_known_is_not_repeated(benchmark, monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr(benchmark, "measured", lambda **key: made.append(key) or {"failed": "as asked"})
    file = tmp_path / "cells-by-tasks.json"
    wanted = [{"cell": "gru", "task": TASK, "seed": seed, "options": []} for seed in (2, 3)]
    results = benchmark.completed(list(FOUND), wanted, file)
    assert made == wanted[1:]
    assert [one.get("value") for one in results] == [0.2, None]
    assert json.loads(file.read_text())[-1] == wanted[1] | {"failed": "as asked"}


@pytest.mark.slow
def test_a_run_is_scored_and_a_mistake_is_told(benchmark):
    options = ["run.max_steps=2", "run.validation_batches=1", "run.suite_batches=1"]
    found = benchmark.measured("elman cell.hidden_size=3", TASK, 0, options)
    assert found["last"] == "length-1000"
    assert 0 <= found["value"] <= 1
    assert found["parameters"] == 3 * (1 + 3 + 1) + 3 + 1
    assert "leaves no features" in benchmark.measured("tree-lstm", TASK, 0, options)["failed"]

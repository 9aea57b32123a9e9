"""What predictors that learn nothing score is shown wherever a model's scores are."""

import base64
import json
import re

import pytest
import torch
from click.testing import CliRunner

from recurra import Goal, MissingFile, Ref
from recurra_contract import ToyCell, ToyTask
from recurra_lab import Model
from recurra_lab.artifacts.atomic_files import write_json
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.cli.evaluate import evaluate as command
from recurra_lab.cli.info import info
from recurra_lab.reports import write_curve, write_report
from recurra_lab.reports.curves import learning_curve
from recurra_lab.runs import restore

REFERENCES = {"constant": {"bit_errors": 42.0, "bits": 84.25}, "optimal": {"bit_errors": 0.0}}
ROWS = [(k, f"{split}/squared_error", 2.0 / k) for k in (25, 50) for split in ("train", "validation")]
GOAL = Goal("squared_error", below=0.01)


def shown(*words):
    result = CliRunner().invoke(info, words, env={"COLUMNS": "80"}, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_info_of_a_task_names_its_baselines(parts, monkeypatch):
    monkeypatch.setattr(parts.Copy, "baselines", lambda task: REFERENCES)
    told = (
        "\nScores of simple baselines, with default options:\n"
        "  constant: bit_errors 42, bits 84.25\n"
        "  optimal: bit_errors 0\n"
    )
    assert shown("copy").endswith(told)
    assert json.loads(shown("copy", "--json"))["baselines"] == REFERENCES


def test_info_names_none_where_there_are_none_or_a_file_is_missing(parts, monkeypatch):
    assert "simple baselines" not in shown("copy")

    def baselines(task):
        raise MissingFile("there is no such data")

    monkeypatch.setattr(parts.Copy, "baselines", baselines)
    assert "simple baselines" not in shown("copy")
    assert json.loads(shown("copy", "--json"))["baselines"] == {}
    assert json.loads(shown("plain", "--json"))["baselines"] == {}


def dashed_lines(picture):
    """Count dashed and dotted lines, each of which is drawn once more in the legend."""
    text = base64.b64decode(picture.uri.partition(",")[2]).decode()
    return text.count("stroke-dasharray") // 2


def test_a_reference_is_a_line_in_the_curve_of_its_score():
    with_lines = learning_curve(ROWS, GOAL, {"constant": {"squared_error": 1.5}, "best": {"accuracy": 1.0}})
    without = learning_curve(ROWS, GOAL)
    assert [dashed_lines(curve) for curve in (with_lines, without)] == [2, 1]  # one is the goal's
    assert with_lines.alt == f"{without.alt} constant scores 1.5."
    assert with_lines.caption == f"{without.caption} Dotted lines: simple baselines."


@pytest.mark.parametrize(("goal", "drawn"), [(GOAL, 0), (Goal("squared_error", above=9.0), 1)])
def test_a_reference_of_nothing_has_no_place_on_a_logarithmic_axis(goal, drawn):
    zero = learning_curve(ROWS, goal, {"optimal": {"squared_error": 0.0}})
    assert dashed_lines(zero) == 1 + drawn
    assert "optimal scores 0." in zero.alt


def made():
    torch.manual_seed(0)
    task = ToyTask()
    return task, Model(task, Toy("cell", "toy"))


class Toy(Ref):
    """A reference to the toy cell, which needs no plugin."""

    def build(self, *wiring):
        return ToyCell(*wiring)


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.metrics.write_text("step,metric,value\n" + "".join(f"{k},{n},{v}\n" for k, n, v in ROWS))
    write_json(folder.scores, {f"length-{n}": {"squared_error": 0.5, "worst_error": 2.0} for n in (5, 10)})
    return folder


def test_the_report_compares_every_variant(run):
    task, model = made()
    page = write_report(run, model, task, seed=0).read_text()
    labels = re.findall(r'<tr( class="soft")?><th scope="row">([^<]+)</th>(.*)</tr>', page)[:6]
    assert [(label, bool(soft)) for soft, label, _ in labels] == [
        (label, label in task.baselines())
        for n in (5, 10)
        for label in (f"length-{n}", "constant", "optimal")
    ]
    assert labels[1][2] == "<td>1</td><td>–</td>"
    assert labels[2][2] == '<td class="met">0 ✓</td><td>0</td>'
    assert "Rows in this colour are simple baselines." in page
    assert "constant scores 1. optimal scores 0." in page


def test_the_curve_alone_has_the_same_lines_as_in_the_report(run, tmp_path):
    task, model = made()
    write_curve(run, task.goal, tmp_path / "curve.svg", task.baselines())
    drawn = base64.b64encode((tmp_path / "curve.svg").read_bytes()).decode()
    assert drawn in write_report(run, model, task, seed=0).read_text()


def test_evaluate_prints_them_below_each_variant(run, monkeypatch):
    from types import SimpleNamespace

    options = SimpleNamespace(suite_batches=1, evaluation_batch_size=4, threads=None)
    experiment = SimpleNamespace(run=options, seed=0, task=Ref("task", "toy"))
    run.experiment.write_text("")
    monkeypatch.setattr(restore, "restore", lambda folder: (experiment, *made()))
    told = CliRunner().invoke(command, [str(run.path)], catch_exceptions=False).output
    heading, *rows = [line.split() for line in told.splitlines()]
    assert [row[0] for row in rows] == ["length-5", "constant", "optimal", "length-10", "constant", "optimal"]
    assert len(heading) == 2
    assert rows[1][1:] == ["1"]
    assert rows[2][1:] == ["0", "0"]
    scores = json.loads(CliRunner().invoke(command, [str(run.path), "--json"]).output)
    assert list(scores) == ["length-5", "length-10"]

"""The command `recurra report`."""

import base64

import pytest

from recurra import MissingFile, Ref

from .report_parts import Echo, make


@pytest.fixture
def command(monkeypatch):
    """Return `recurra report` as a function, for runs whose experiment is not read."""
    from click.testing import CliRunner

    from recurra_lab.cli.report import report
    from recurra_lab.experiments.run_options import RunOptions
    from recurra_lab.runs import build as setup
    from recurra_lab.runs import restore

    class Experiment:
        seed, run, task = 7, RunOptions(), Ref("task", "echo")

        def as_dict(self):
            return {"seed": self.seed}

    monkeypatch.setattr(restore, "restore", lambda folder: (Experiment(), Echo(), make(Echo())))
    monkeypatch.setattr(setup, "goal_of", lambda experiment, task: task.goal)
    return lambda *arguments: CliRunner().invoke(report, [str(argument) for argument in arguments])


def test_the_command_rewrites_the_report_and_prints_where_it_is(run, command):
    assert command(run.path).output == f"{run.report}\n"
    assert run.report.is_file()
    assert isinstance(command(run.path / "elsewhere").exception, MissingFile)


def test_the_command_writes_the_curve_alone_as_the_page_shows_it(run, command, tmp_path):
    curve = tmp_path / "curve.svg"
    assert command(run.path, "--curve", curve).output == f"{run.report}\n{curve}\n"
    assert curve.read_bytes().startswith(b"<?xml")
    assert base64.b64encode(curve.read_bytes()).decode() in run.report.read_text()


def test_a_curve_needs_a_folder_and_a_logged_score(run, command, tmp_path):
    elsewhere = command(run.path, "--curve", tmp_path / "no" / "curve.svg").exception
    assert str(elsewhere).endswith(f"the folder {tmp_path / 'no'} does not exist")
    run.metrics.write_text("step,metric,value\n")
    nothing = command(run.path, "--curve", tmp_path / "curve.svg").exception
    assert "has no learning curve" in str(nothing)

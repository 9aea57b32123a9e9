"""The learning-rate range test: what it suggests, and what it refuses."""

import json

import pytest
from click.testing import CliRunner

from recurra_lab.cli import main
from recurra_lab.runs import lr_finder as rates

SMALL = ["task.max_length=3", "cell.hidden_size=8", "run.batch_size=4"]


def find(*words):
    return CliRunner().invoke(main, ["find-lr", *words])


def test_rates_rise_evenly_in_their_logarithm_and_one_is_suggested():
    said = find("copy", "lstm", *SMALL, "--lowest", "1e-4", "--highest", "1", "--batches", "40", "--json")
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert found["rates"][0] == pytest.approx(1e-4, rel=0.3)
    steps = [b / a for a, b in zip(found["rates"], found["rates"][1:], strict=False)]
    assert max(steps[1:]) == pytest.approx(min(steps[1:]), rel=1e-3)
    assert len(found["losses"]) == len(found["rates"]) <= 40
    assert 1e-4 < found["suggested"] < 1


def test_it_is_printed_as_an_option():
    said = find("copy", "lstm", *SMALL, "--batches", "40")
    assert said.stdout.startswith("trainer.optimizer.lr=")


def test_no_fall_is_said(monkeypatch):
    monkeypatch.setattr(rates, "find_rates", lambda *given: rates.Rates([1.0], [2.0], None))
    assert "the loss did not decrease at any rate" in find("copy", "lstm").output


def test_a_range_must_rise():
    said = find("copy", "lstm", *SMALL, "--lowest", "1", "--highest", "0.1")
    assert said.exit_code == 2
    assert "--lowest 1 must be less than --highest 0.1" in said.stderr


def test_a_rule_without_an_optimiser_is_refused(monkeypatch):
    monkeypatch.setattr("recurra_bptt.module.BPTTModule.configure_optimizers", lambda self: None)
    said = find("copy", "lstm", *SMALL)
    assert said.exit_code == 2
    assert "trainer 'bptt' has no optimizer whose learning rate can be tested; choose trainer=" in said.stderr

"""The log of a run survives a crash in the middle of a row, and forgets what will happen again."""

import os

import pytest

from recurra_lab.artifacts.metrics_csv import MetricsFile, read_metrics


def test_rows_are_appended_and_read_back(tmp_path):
    log = MetricsFile(tmp_path / "metrics.csv")
    log.log_metrics({"loss": 0.1, "epoch": 0}, step=1)
    log.save()
    log.log_metrics({"loss": 1e-17}, step=2)
    log.finalize("success")
    assert read_metrics(log.path) == [(1, "loss", 0.1), (2, "loss", 1e-17)]
    assert log.path.read_text().startswith("step,metric,value\n") or log.path.read_text().startswith(
        "step,metric,value\r\n"
    )


def test_an_unfinished_row_is_left_out(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("step,metric,value\n1,loss,0.5\n2,loss,0.2")
    assert read_metrics(path) == [(1, "loss", 0.5)]


def test_rewinding_forgets_later_rows(tmp_path):
    log = MetricsFile(tmp_path / "metrics.csv")
    for step in (1, 2, 3):
        log.log_metrics({"loss": step / 10}, step)
    log.save()
    log.rewind(2)
    assert read_metrics(log.path) == [(1, "loss", 0.1), (2, "loss", 0.2)]


def test_a_crash_while_rewinding_loses_nothing(tmp_path, monkeypatch):
    log = MetricsFile(tmp_path / "metrics.csv")
    log.log_metrics({"loss": 0.5}, step=1)
    log.save()

    def crash(*paths):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        log.rewind(1)
    assert read_metrics(log.path) == [(1, "loss", 0.5)]


def test_no_file_has_no_rows(tmp_path):
    assert read_metrics(tmp_path / "none.csv") == []

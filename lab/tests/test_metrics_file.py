"""The log of a run survives a crash in the middle of a row, and forgets what will happen again."""

import io
import os
from pathlib import Path

import pytest

from recurra import DamagedFile
from recurra_lab.artifacts.metrics_csv import MetricsFile, read_metrics
from recurra_lab.errors import RunFailed


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


@pytest.mark.parametrize("letter", ["\n", "\r\n", "\x0b", "\u2028", "\x85", ",", '"'])
def test_a_name_may_contain_any_separator(tmp_path, letter):
    log = MetricsFile(tmp_path / "metrics.csv")
    log.log_metrics({f"load{letter}kW": 0.5}, step=1)
    log.save()
    log.rewind(1)
    assert read_metrics(log.path) == [(1, f"load{letter}kW", 0.5)]
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + b'2,"load\nk')
    assert read_metrics(log.path) == [(1, f"load{letter}kW", 0.5)]


@pytest.mark.parametrize("row", [b"1,loss\n2,loss,0.1\n", b"1,loss,much\n", b"1,\xff,0.1\n", b"1,a,2,3\n"])
def test_other_rows_are_damage(tmp_path, row):
    path = tmp_path / "metrics.csv"
    path.write_bytes(b"step,metric,value\n" + row)
    with pytest.raises(
        DamagedFile, match=r"metrics\.csv is damaged: expected rows of step, metric and value"
    ):
        read_metrics(path)


class FullDisk(io.RawIOBase):
    """A file on a disk with room for a few more bytes."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def close(self):
        self.file.close()
        super().close()

    def tell(self):
        return self.file.tell()

    def write(self, content):
        return self.file.write(content[: self.room])

    def truncate(self, size):
        return self.file.truncate(size)


def test_a_full_disk_leaves_no_half_row(tmp_path, monkeypatch):
    log = MetricsFile(tmp_path / "metrics.csv")
    log.log_metrics({"loss": 0.5}, step=1)
    log.save()
    whole, opened = log.path.read_bytes(), Path.open
    monkeypatch.setattr(Path, "open", lambda path, *how, **named: FullDisk(opened(path, *how, **named), 5))
    log.log_metrics({"loss": 0.25}, step=2)
    with pytest.raises(RunFailed, match=r"metrics\.csv could not be written: No space left on device"):
        log.save()
    monkeypatch.undo()
    assert log.path.read_bytes() == whole


def test_no_file_has_no_rows(tmp_path):
    assert read_metrics(tmp_path / "none.csv") == []

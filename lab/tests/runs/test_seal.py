"""A file of a finished run that has changed is not taken for a result."""

import pytest
from click.testing import CliRunner

from recurra import DamagedFile, RecurraError
from recurra_lab import load, train
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.artifacts.seal import check_seal
from recurra_lab.cli import main
from recurra_lab.reproductions.record import seed_run

FILES = (
    "experiment.toml",
    "metrics.csv",
    "outcome.json",
    "scores.json",
    "versions.json",
    "origin.json",
    "model.safetensors",
)


@pytest.fixture
def folder(tmp_path):
    small = {"max_steps": 2, "suite_batches": 1, "validation_batches": 1, "validate_every": 1}
    return RunFolder(train("parity", "elman", cell={"hidden_size": 2}, run=small, out=tmp_path).path)


def change(path):
    """Change one digit of a file."""
    content = path.read_bytes()
    place = next(place for place in reversed(range(len(content))) if content[place : place + 1].isdigit())
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_named(folder, name):
    check_seal(folder)
    change(folder.path / name)
    with pytest.raises(
        DamagedFile,
        match=rf"{name} has changed since the run ended: its checksum differs; (restore|write it)",
    ):
        check_seal(folder)


def test_who_reads_results_refuses_changed_ones(folder):
    change(folder.scores)
    with pytest.raises(DamagedFile, match=r"scores.json has changed"):
        seed_run(folder)
    result = CliRunner().invoke(main, ["compare", str(folder.path)], standalone_mode=False)
    assert isinstance(result.exception, DamagedFile)
    assert "damaged" in CliRunner().invoke(main, ["runs", str(folder.path)]).output
    assert "has changed since the run ended" in _report(folder)
    load(folder.path)  # the model itself is as it was


def _report(folder):
    assert CliRunner().invoke(main, ["report", str(folder.path)]).exit_code == 0
    return folder.report.read_text()


def test_another_experiment_is_not_loaded(folder):
    change(folder.experiment)
    with pytest.raises(RecurraError, match=r"experiment.toml has changed since the run ended"):
        load(folder.path)


def test_the_change_can_be_accepted(folder):
    change(folder.metrics)
    folder.checksums.unlink()
    check_seal(folder)
    seed_run(folder)


def test_a_resumed_run_is_sealed_anew(folder):
    words = ["resume", str(folder.path), "run.max_steps=3"]
    assert CliRunner().invoke(main, words).exit_code == 0
    check_seal(folder)
    change(folder.metrics)
    result = CliRunner().invoke(main, ["resume", str(folder.path)], standalone_mode=False)
    assert isinstance(result.exception, DamagedFile)

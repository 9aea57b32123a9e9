"""A run comes back: the network with its task, one step at a time, and as rows of a file."""

import csv
import json
from typing import Annotated

import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from pydantic import Field

from recurra import Configurable, IncompatibleParts, InvalidInput, InvalidOption, MissingFile
from recurra_contract import ToyTask
from recurra_lab import Experiment, load, train
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.artifacts.tables import write_rows
from recurra_lab.cli import main
from recurra_lab.runs.run import Run
from recurra_lab.runs.trained import Trained

SMALL = [
    "cell.hidden_size=4",
    "task.max_length=2",
    "run.batch_size=4",
    "run.max_steps=2",
    "run.validate_every=2",
    "run.validation_batches=1",
    "run.suite_batches=1",
    "run.evaluation_batch_size=4",
    "run.progress=false",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    experiment = Experiment.compose("copy", "lstm", file=None, overrides=SMALL)
    folder = RunFolder.create(tmp_path_factory.mktemp("runs"), "copy", "lstm", "bptt")
    run = Run(experiment, folder, lambda line: None)
    run.start()
    return folder, run.parts.model.eval()


def shell(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_the_network_of_a_run_is_loaded_with_its_task(finished):
    folder, model = finished
    trained = load(folder.path)
    batch = trained.task.batch(0, batch_size=3, seed=1, split="test")
    expected, _ = model(batch.x, lengths=batch.lengths)
    assert torch.equal(trained(batch.x, lengths=batch.lengths)[0], expected)
    assert torch.equal(trained.predict(batch.x, lengths=batch.lengths), expected.sigmoid())
    assert trained.experiment.cell.name == "lstm"
    assert not trained.training
    assert trained.network.state_dict().keys() == model.state_dict().keys()


def test_only_the_call_has_gradients(finished):
    trained = load(str(finished[0].path)).train()
    x = trained.task.batch(0, batch_size=3, seed=1, split="test").x
    assert trained(x)[0].requires_grad
    assert not trained.predict(x).requires_grad
    assert trained.training


def test_steps_in_a_stream_are_those_of_the_whole_sequence(finished):
    trained = load(finished[0].path)
    x = trained.task.batch(0, batch_size=2, seed=1, split="test").x
    stream = trained.stream(batch_size=2)
    steps = [stream(x_t) for x_t in x.unbind(1)]
    torch.testing.assert_close(torch.stack(steps, 1), trained.predict(x))
    assert not torch.equal(stream(x[:, 0]), steps[0])
    stream.reset()
    torch.testing.assert_close(stream(x[:, 0]), steps[0])
    with pytest.raises(InvalidInput, match=r"x must be one step of 2 sequences, got shape \(1, "):
        stream(x[:1, 0])


def test_a_bidirectional_network_does_not_stream():
    experiment = Experiment.compose("copy", "lstm", file=None, overrides=["model.bidirectional=true"])
    task = experiment.make_task()
    with pytest.raises(IncompatibleParts, match="bidirectional network reads whole sequences"):
        Trained(experiment.make_model(task), task, experiment).stream()


def test_a_run_that_is_not_there_or_has_not_finished(tmp_path):
    with pytest.raises(MissingFile, match="is not a run folder"):
        load(tmp_path)
    folder = RunFolder.create(tmp_path, "copy", "lstm", "bptt")
    folder.experiment.write_text(Experiment.compose("copy", "lstm", file=None, overrides=[]).to_toml())
    with pytest.raises(MissingFile, match="`recurra resume"):
        load(folder.path)


class Halves(Configurable):
    """Predictions that are numbers."""

    def __init__(self, task, *, count: Annotated[int, Field(gt=0, description="how many")] = 2, input=None):
        self.count = count

    def rows(self, network):
        for number in range(self.count):
            y, _ = network(torch.full((1, 1, 10), float(number)), None, lengths=None)
            yield {"number": number, "half": number / 2, "finite": bool(y.isfinite().all())}


@pytest.fixture
def halving(finished, monkeypatch):
    from recurra_algorithmic.copy_task import Copy

    monkeypatch.setattr(Copy, "predictions", Halves, raising=False)
    return finished[0].path


def test_predictions_are_printed_or_written_in_the_format_of_the_file(halving, tmp_path):
    assert shell("predict", halving).output == "number,half,finite\n0,0.0,True\n1,0.5,True\n"
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        done = shell("predict", halving, "count=3", "-o", tmp_path / name)
        assert done.output == f"wrote {tmp_path / name}: 3 rows\n"
    read = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    assert [row["half"] for row in read] == ["0.0", "0.5", "1.0"]
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert lines == pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [line["half"] for line in lines] == [0.0, 0.5, 1.0]


def test_options_of_predictions_are_listed_and_checked(halving):
    listed = shell("predict", halving, "--options").output.splitlines()
    assert listed[1].split() == ["count", "integer", ">", "0", "2", "how", "many"]
    with pytest.raises(InvalidOption, match="unknown option 'cuont'; did you mean 'count'"):
        main(["predict", str(halving), "cuont=3"], standalone_mode=False)
    with pytest.raises(InvalidOption, match="not of the form KEY=VALUE"):
        main(["predict", str(halving), "3"], standalone_mode=False)


def test_mistakes_with_the_output_are_told_before_anything_is_loaded(tmp_path):
    with pytest.raises(InvalidOption, match=r"must end in one of .csv, .*; did you mean '.csv'"):
        main(["predict", "nothing", "-o", "x.cvs"], standalone_mode=False)
    with pytest.raises(MissingFile, match=r"the folder .*missing does not exist"):
        main(["predict", "nothing", "-o", str(tmp_path / "missing/x.csv")], standalone_mode=False)
    with pytest.raises(InvalidOption, match="a text file holds one column, and there are a, b"):
        write_rows(tmp_path / "x.txt", [{"a": 1, "b": 2}])
    assert list(tmp_path.iterdir()) == []


def test_a_task_without_predictions_names_the_way_in_python(finished):
    assert not hasattr(ToyTask, "predictions")
    with pytest.raises(IncompatibleParts, match=r"use recurra.load\(RUN\).predict\(x\) in Python"):
        load(finished[0].path).rows()


def test_training_from_python_takes_the_options_of_the_shell(tmp_path, capsys):
    run = train("copy", "lstm", *SMALL, out=tmp_path, seed=3, cell={"hidden_size": 5}, model={"layers": 2})
    trained = load(run)
    assert (trained.experiment.seed, trained.experiment.model.layers) == (3, 2)
    assert trained.experiment.cell.options["hidden_size"] == 5
    assert run.outcome.steps == 2
    assert run.scores == json.loads((run.path / "scores.json").read_text())
    assert capsys.readouterr().out == f"run folder: {run.path}\n"
    with pytest.raises(InvalidOption, match=r"hiden_size; did you mean 'cell.hidden_size'"):
        train("copy", "lstm", cell={"hiden_size": 5}, out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_inputs_are_converted_to_the_precision_of_the_network(finished):
    trained = load(finished[0].path)
    x = trained.task.batch(0, batch_size=2, seed=1, split="test").x
    expected = trained.predict(x)
    trained.double()
    assert trained(x)[0].dtype == torch.float64
    torch.testing.assert_close(trained.predict(x).float(), expected)
    torch.testing.assert_close(trained.stream(2)(x[:, 0]).float(), expected[:, 0])


class Echo(Configurable):
    """A prediction that is its option."""

    def __init__(self, task, *, prompt: str = "", input=None):
        self.prompt = prompt

    def rows(self, network):
        yield {"text": self.prompt}


def test_text_that_looks_like_another_value_stays_text(halving, monkeypatch):
    from recurra_algorithmic.copy_task import Copy

    monkeypatch.setattr(Copy, "predictions", Echo, raising=False)
    for typed in ("12", "1e3", "true", "[1]"):
        assert shell("predict", halving, f"prompt={typed}").output == f"{typed}\n"
    assert shell("predict", halving, 'prompt="12"').output == "12\n"


def test_the_output_is_a_file_in_any_case_and_a_link_stays_one(tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "x.CSV")
    write_rows(tmp_path / "link.csv", [{"a": 1}])
    assert (tmp_path / "x.CSV").read_text() == "a\n1\n"
    write_rows(tmp_path / "x.CSV", [{"a": 2}])
    assert (tmp_path / "link.csv").read_text() == "a\n2\n"
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InvalidOption, match="is a folder; name a file"):
        write_rows(tmp_path / "folder.csv", [{"a": 1}])


def test_rows_that_a_format_cannot_hold(tmp_path):
    half = [{"label": "\ud800"}]
    for name in ("x.csv", "x.jsonl", "x.txt"):
        write_rows(tmp_path / name, half)
        assert "\\ud800" in (tmp_path / name).read_text("utf-8")
    for rows in (half, [{"actual": 1}, {"actual": "?"}]):
        with pytest.raises(InvalidOption, match=r"which Parquet refuses; write .jsonl"):
            write_rows(tmp_path / "x.parquet", rows)

"""A run exported as safetensors or for the Hub comes back, runs no code from its folder, and is uploaded."""

import json
import shlex

import pytest
import torch
from click.testing import CliRunner

from recurra import DamagedFile, IncompatibleParts, InvalidOption, MissingFile, RecurraError
from recurra_lab import Experiment, export_run, load, push, train
from recurra_lab.cli import main
from recurra_lab.errors import RunFailed
from recurra_lab.exports import hub
from recurra_lab.exports.model_card import command_of

QUICK = {"max_steps": 1, "validation_batches": 1, "suite_batches": 1, "progress": False}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return train("copy", "gru", cell={"hidden_size": 3}, task={"max_length": 2}, run=QUICK, out=out)


@pytest.fixture(scope="module")
def folder(run):
    return export_run(run, "hub", license="mit", tags=["small"])


def shell(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize("form", ["hub", "safetensors"])
def test_it_computes_what_the_run_does(run, form):
    x = torch.randn(2, 4, 10)
    there = load(export_run(run, form))
    assert torch.equal(there.predict(x), load(run).predict(x))
    assert there.experiment.cell.name == "gru"
    assert there.task.batch(0, batch_size=1, seed=0, split="test").x.shape[-1] == 10


def test_the_model_card_tells_scores_task_command_and_licence(folder, run):
    card = (folder / "README.md").read_text("utf-8")
    head = dict(line.split(": ", 1) for line in card.split("---\n")[1].splitlines())
    assert head["license"] == '"mit"'
    assert {"pytorch_model_hub_mixin", "gru", "small"} <= set(json.loads(head["tags"]))
    assert "recurra train copy gru task.max_length=2 cell.hidden_size=3" in card
    assert "| variant | bits_per_sequence | bit_errors |" in card
    assert f"{sum(p.numel() for p in load(run).parameters()):,} parameters" in card


def test_the_command_of_a_card_starts_the_same_experiment():
    overrides = [
        'model.stack=[{name = "lstm", hidden_size = 3}]',
        "run.early_stop_patience=3",
        "run.stop_below=0.5",
        "trainer=rls",
        "task.max_length=4",
    ]
    experiment = Experiment.compose("copy", "gru", overrides=overrides)
    words = shlex.split(command_of(experiment))
    assert words[:4] == ["recurra", "train", "copy", "gru"]
    assert Experiment.compose(*words[2:4], overrides=words[4:]).as_dict() == experiment.as_dict()


def test_a_licence_that_is_not_given_is_said(run, tmp_path):
    card = (export_run(run, "hub", tmp_path) / "README.md").read_text("utf-8")
    assert 'license: "unknown"' in card
    assert "No licence has been stated" in card


def altered(folder, tmp_path, change):
    config = json.loads((folder / "config.json").read_text())
    change(config["recurra"])
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    return tmp_path


def test_a_task_without_its_data_predicts_outputs(run, folder, tmp_path):
    there = altered(folder, tmp_path, lambda known: known["task"].update(output_size=8, input_kind="tokens"))
    with (
        pytest.warns(UserWarning, match="its data differs from that of the training"),
        pytest.raises(DamagedFile),
    ):
        load(there)
    named = {"name": "sequence-classification", "file": "gone.jsonl"}
    altered(folder, tmp_path, lambda known: known["experiment"].update(task=named))
    with pytest.warns(UserWarning, match="the file gone.jsonl does not exist"):
        trained = load(tmp_path)
    x = torch.randn(2, 4, 10)
    assert torch.equal(trained.predict(x), load(run)(x)[0])
    with pytest.raises(IncompatibleParts, match="the data of the task is not here"):
        trained.task.batch(0, batch_size=1, seed=0, split="test")


def test_a_component_that_is_not_installed_is_named(folder, tmp_path):
    there = altered(folder, tmp_path, lambda known: known["experiment"]["cell"].update(name="os:system"))
    with pytest.raises(RecurraError, match="os:system"):
        load(there)


@pytest.mark.parametrize("text", ["{", "[]", '{"recurra": 1}', '{"recurra": {"experiment": {}, "task": {}}}'])
def test_a_folder_of_something_else_is_refused(folder, tmp_path, text):
    altered(folder, tmp_path, lambda known: None)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(DamagedFile, match=r"config\.json"):
        load(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"input_size": "8"},
        {"input_size": 8.5},
        {"output_size": -8},
        {"output_size": None},
        {"input_kind": "x"},
    ],
)
def test_a_task_without_valid_sizes_is_refused(folder, tmp_path, wrong):
    altered(folder, tmp_path, lambda known: known["task"].update(wrong))
    with pytest.raises(DamagedFile, match=r"config\.json does not describe a network of recurra"):
        load(tmp_path)


def test_weights_that_do_not_fit_say_what_differs_and_to_export_again(folder, tmp_path):
    altered(folder, tmp_path, lambda known: known["experiment"]["cell"].update(hidden_size=7))
    with pytest.raises(DamagedFile, match=r"size mismatch for .*; export the run again with: recurra export"):
        load(tmp_path)


def test_an_export_overwrites_nothing_of_a_run(run, tmp_path):
    with pytest.raises(InvalidOption, match="is the folder of a run; name another folder"):
        export_run(run, "hub", run.path)
    with pytest.raises(InvalidOption, match="is the trained model of the run; name another file"):
        export_run(run, "safetensors", run.path / "model.safetensors")
    (tmp_path / "file").touch()
    with pytest.raises(RunFailed, match="could not be written"):
        export_run(run, "hub", tmp_path / "file" / "below")


def test_files_that_are_missing_or_damaged(folder, tmp_path):
    with pytest.raises(MissingFile, match="does not exist; export the run again"):
        load(tmp_path / "gone.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"12345678901234")
    with pytest.raises(DamagedFile, match="cannot be loaded"):
        load(tmp_path / "bad.safetensors")
    with pytest.raises(DamagedFile, match="does not describe a network"):
        load(folder / "model.safetensors")


class Api:
    """Stands for the client of the Hub."""

    calls: list = []
    error = None

    def create_repo(self, name, **options):
        if self.error:
            raise self.error
        self.calls.append(("create", name, options["private"]))
        return type("Url", (str,), {"repo_id": name})(f"https://hub/{name}")

    def upload_folder(self, repo_id, folder_path, commit_message):
        self.calls.append(("upload", repo_id, sorted(path.name for path in folder_path.iterdir())))


@pytest.fixture
def api(monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(Api, "calls", [])
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    return Api


def test_a_folder_is_uploaded(run, api, tmp_path):
    result = shell(
        "export", run.path, "--format", "hub", "--to", tmp_path / "x", "--push", "me/x", "--private"
    )
    assert result.stdout == f"{tmp_path / 'x'}\nhttps://hub/me/x\n"
    files = ["README.md", "config.json", "model.safetensors"]
    assert api.calls == [("create", "me/x", True), ("upload", "me/x", files)]


def test_an_upload_without_a_login_or_a_package_is_one_sentence(folder, api, monkeypatch):
    from huggingface_hub.errors import HFValidationError, LocalTokenNotFoundError

    monkeypatch.setattr(api, "error", LocalTokenNotFoundError("no token"))
    with pytest.raises(RunFailed, match="log in with: hf auth login"):
        push(folder, "me/x")
    monkeypatch.setattr(api, "error", HFValidationError("Repo id must be 'a/b'"))
    with pytest.raises(InvalidOption, match="--push a/b/c: Repo id must be"):
        push(folder, "a/b/c")
    monkeypatch.setattr(api, "error", OSError("offline"))
    with pytest.raises(RunFailed, match="me/x could not be uploaded: offline; check the name"):
        push(folder, "me/x")
    monkeypatch.setattr(hub, "PACKAGE", "no_such_package")
    with pytest.raises(InvalidOption, match=r"pip install 'recurra-lab\[hub\]'"):
        push(folder, "me/x")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--format", "onx"], "'onx' is not one of 'torch', 'onnx', 'hub', 'safetensors'"),
        (["--format", "hub", "--streaming"], "streaming applies to the format torch or onnx, not to hub"),
        (["--push", "me/x"], "--push applies to --format hub, not to torch"),
        (["--format", "hub", "--private"], "--private applies to the repository of --push; expected --push"),
        (["--license", "mit"], "license applies to the format hub, not to torch"),
        (["--format", "onnx", "--to", "no/x.onnx"], "the folder no does not exist"),
    ],
)
def test_a_wrong_option_is_one_sentence(run, words, told):
    result = shell("export", run.path, *words)
    assert result.exit_code != 0
    assert told in result.stderr
    assert "Traceback" not in result.output


def test_a_format_that_there_is_not(run, folder):
    with pytest.raises(InvalidOption, match=r"expected one of torch, onnx, .*; did you mean 'onnx'"):
        export_run(run, "onxx")
    with pytest.raises(InvalidOption, match="is a file; name a folder"):
        export_run(run, "hub", folder / "README.md")

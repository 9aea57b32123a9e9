"""Published experiments, run again: what ships, one run for each seed, and the ledger."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from recurra import InvalidOption
from recurra.errors import AmbiguousComponent, UnknownComponent
from recurra.plugins import discovery
from recurra_lab import Experiment
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.cli import main
from recurra_lab.errors import RunFailed
from recurra_lab.reproductions import ledger
from recurra_lab.reproductions.catalogue import find, shipped
from recurra_lab.reproductions.reference import published
from recurra_lab.runs import seed_runs
from recurra_lab.runs.seed_runs import run_seeds

FILE = """
seed = 5
[task]
name = "copy"
max_length = 2
[cell]
name = "lstm"
hidden_size = 4
[run]
batch_size = 4
max_steps = 4
validate_every = 2
validation_batches = 1
suite_batches = 1
evaluation_batch_size = 4
[reproduce]
paper = "Graves 2014, section 4.1"
claim = "an LSTM copies two vectors"
seeds = 2
minutes = 0.1
success = {variant = "length-10", score = "bit_errors", below = 1000}
[[reproduce.numbers]]
what = "share of seeds"
published = 1
status = "M"
ours = "success"
[[reproduce.numbers]]
what = "sequences"
published = 8440
status = "V"
ours = "outcome.sequences"
statistic = "median"
[[reproduce.numbers]]
what = "wrong bits"
published = "few"
status = "N"
ours = "scores.length-10.bit_errors"
[[reproduce.numbers]]
what = "last loss"
published = 0.5
status = "C"
ours = "metrics.train/loss"
"""


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    path = tmp_path / "graves2014" / "two-vectors.toml"
    path.parent.mkdir()
    path.write_text(FILE)
    plugins = discovery.plugins()
    monkeypatch.setattr(plugins, "experiments", lambda: [(SimpleNamespace(dist="acme"), path)])
    return path


def run(*words):
    return CliRunner().invoke(main, ["reproduce", *map(str, words)])


def test_a_run_imports_nothing_from_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "copy.py").write_text("raise SystemExit('the wrong module')")
    monkeypatch.chdir(tmp_path)
    seed_runs._recurra(["--version"], tmp_path / "out")
    assert "recurra, version" in (tmp_path / "out" / "output.txt").read_text()


def test_an_experiment_file_trains_as_it_is_and_says_what_its_paper_reports(experiment):
    assert Experiment.from_toml(experiment).run.max_steps == 4
    told = published(experiment)
    assert (told.paper, told.seeds, told.success.goal.below) == ("Graves 2014, section 4.1", 2, 1000)
    assert [number.what for number in told.numbers] == [
        "share of seeds",
        "sequences",
        "wrong bits",
        "last loss",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("paper =", "papers =", "reproduce.paper: field required"),
        ('status = "M"', 'status = "X"', "reproduce.numbers.0.status: input should be 'V', 'N', 'M' or 'C'"),
        (", below = 1000", "", "reproduce.success: success needs exactly one of below and above"),
        ('"outcome.sequences"', '"somewhere"', "reproduce.numbers.1.ours: string should match pattern"),
        ("[reproduce]", "[reproduction]", "has no table \\[reproduce\\]"),
    ],
)
def test_what_is_wrong_with_the_table_is_one_sentence(experiment, old, new, told):
    text = FILE.replace(old, new)
    if old == "[reproduce]":
        text = text[: text.index("[reproduction]")]
    experiment.write_text(text)
    with pytest.raises(InvalidOption, match=told):
        published(experiment)


def test_experiments_are_found_by_name(experiment, monkeypatch):
    assert [(one.name, one.dist) for one in shipped()] == [("graves2014/two-vectors", "acme")]
    assert find("acme:graves2014/two-vectors").path == experiment
    with pytest.raises(UnknownComponent, match="did you mean 'graves2014/two-vectors'"):
        find("graves2014/two-vector")
    with pytest.raises(UnknownComponent, match="available: graves2014/two-vectors"):
        find("zzz")
    both = [(SimpleNamespace(dist=dist), experiment) for dist in ("acme", "other")]
    monkeypatch.setattr(discovery.plugins(), "experiments", lambda: both)
    with pytest.raises(AmbiguousComponent, match="acme:graves2014/two-vectors, other:graves2014/two-vectors"):
        find("graves2014/two-vectors")


def test_the_shell_lists_them(experiment):
    said = run()
    assert said.exit_code == 0
    assert "graves2014/two-vectors  2      0.1      Graves 2014, section 4.1" in said.output
    assert json.loads(run("--json").output)[0]["claim"] == "an LSTM copies two vectors"
    assert "max_steps = 4" in run("graves2014/two-vectors", "--print-config").output


def test_it_runs_every_seed_and_compares(experiment, tmp_path, forked_runs):
    out, record = tmp_path / "out", tmp_path / "record"
    said = run("graves2014/two-vectors", "--out", out, "--record", record, "run.max_steps=3")
    assert said.exit_code == 0, said.output
    assert "**2 of 2 seeds succeeded** (5 to 6, none excluded)." in said.output
    assert "| sequences | 8,440 `[V]` | 12 (median) | 12, 12 |" in said.output
    assert "| share of seeds | 1 `[M]` | 1 (mean) | 1, 1 |" in said.output
    found = json.loads((record / "graves2014-two-vectors.json").read_text())
    assert found == json.loads((out / "graves2014/two-vectors/result.json").read_text())
    assert (found["seeds"], found["succeeded"]) == ([5, 6], [True, True])
    assert len({*found["numbers"][3]["of_seeds"]}) == 2  # each seed has a loss of its own
    assert (record / "graves2014-two-vectors.md").read_text() in said.output

    # Again: a run that was interrupted goes on, and nothing else is run.
    (interrupted,) = out.rglob("seed-6/copy/*/*/scores.json")
    interrupted.unlink()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("seed-5/copy/*/*/*.json")}
    again = json.loads(run("graves2014/two-vectors", "--out", out, "--json", "run.max_steps=3").output)
    assert again == found
    assert {path: path.stat().st_mtime_ns for path in out.rglob("seed-5/copy/*/*/*.json")} == before


def test_a_run_with_other_options_is_neither_reused_nor_recorded(
    experiment, tmp_path, durably_written, forked_runs
):
    out, record = tmp_path / "out", tmp_path / "record"
    words = ["graves2014/two-vectors", "--out", out, "--seeds", 1, "--json", "--record", record]
    short = json.loads(run(*words, "run.max_steps=2").output)
    assert short["overrides"] == ["run.max_steps=2"]
    assert short["numbers"][1]["of_seeds"] == [8]
    told = (record / "graves2014-two-vectors.md").read_text()
    assert "Run with `run.max_steps=2`, which differs from the published experiment." in told

    whole = json.loads(run(*words).output)
    assert "overrides" not in whole
    assert set(record.iterdir()) <= durably_written
    assert whole["numbers"][1]["of_seeds"] == [16]
    assert json.loads((record / "graves2014-two-vectors.json").read_text()) == whole
    assert "unlike" not in (record / "graves2014-two-vectors.md").read_text()

    # Both are still there, and found by their own options.
    assert len(list(out.rglob("scores.json"))) == 2
    assert json.loads(run(*words, "run.max_steps=2").output) == short
    assert len(list(out.rglob("scores.json"))) == 2


def begun(root, name, text, age):
    folder = root / "copy" / "lstm-bptt" / name
    folder.mkdir(parents=True)
    for file in ("experiment.toml", "outcome.json", "scores.json"):
        (folder / file).write_text(text)
        os.utime(folder / file, ns=(10**9 - age, 10**9 - age))
    return folder


def test_of_several_runs_the_newest_is_reused_whatever_its_name(experiment, tmp_path):
    text = Experiment.compose(file=experiment, overrides=["run.progress=false"]).to_toml()
    root = tmp_path / "seed-5"
    begun(root, "20240101-000000-ffff", text, age=1)
    newest = begun(root, "20240101-000000-0000", text, age=0)
    begun(root, "20240102-000000-0000", "damaged", age=-1)
    (found,) = run_seeds(experiment, [5], tmp_path, words=[], at_once=1, tell=print)
    assert found.path == newest


def test_a_seed_among_the_options_is_the_first_one_and_not_that_of_all(experiment, tmp_path, monkeypatch):
    def trained(words, root):
        overrides = words[3 : words.index("--out")]
        begun(root, "run", Experiment.compose(file=experiment, overrides=overrides).to_toml(), age=0)

    monkeypatch.setattr("recurra_lab.runs.seed_runs._recurra", trained)
    runs = run_seeds(experiment, [8, 9], tmp_path, words=["seed=8"], at_once=1, tell=print)
    assert [Experiment.from_toml(run.experiment).seed for run in runs] == [8, 9]


def test_a_run_that_fails_says_why_and_where(experiment, tmp_path):
    with pytest.raises(RunFailed, match=r"failed \(.*max_steps.*\); see .*output.txt"):
        run_seeds(experiment, [1], tmp_path, words=["run.max_steps=-1"], at_once=1, tell=print)
    assert "max_steps" in (Path(tmp_path) / "seed-1" / "output.txt").read_text()


def finished(folder, status="solved", **scores):
    folder.mkdir()
    (folder / "outcome.json").write_text(json.dumps({"status": status, "steps": 7}))
    (folder / "scores.json").write_text(json.dumps({"test": scores}))
    (folder / "metrics.csv").write_text("step,metric,value\n1,a,0.5\n2,a,0.25\n")
    (folder / "versions.json").write_text("{}")
    return RunFolder(folder)


def test_without_a_rule_a_run_succeeds_that_solved_its_task(tmp_path):
    solved, not_solved = (finished(tmp_path / name, name) for name in ("solved", "budget used"))
    assert ledger.succeeded(solved, None)
    assert not ledger.succeeded(not_solved, None)


def test_numbers_are_found_and_missing_ones_named(tmp_path):
    folder = finished(tmp_path / "run", wrong=0.5)
    assert ledger.number(folder, "outcome.steps") == 7
    assert ledger.number(folder, "scores.test.wrong") == 0.5
    assert ledger.number(folder, "metrics.a") == 0.25
    with pytest.raises(InvalidOption, match="has no number 'wron'; did you mean 'wrong'"):
        ledger.number(folder, "scores.test.wron")


def test_numbers_of_seeds_that_failed_are_shown_but_not_averaged(experiment, tmp_path):
    told = published(experiment).model_copy(update={"success": None})
    told = told.model_copy(update={"numbers": told.numbers[:1]})
    runs = [finished(tmp_path / status.replace(" ", "-"), status) for status in ("solved", "budget used")]
    found = ledger.entry("x", told, [1, 2], runs)
    assert (found["succeeded"], found["numbers"][0]["ours"]) == ([True, False], 0.5)
    steps = told.numbers[0].model_copy(update={"ours": "outcome.steps"})
    none = ledger.entry("x", told.model_copy(update={"numbers": (steps,)}), [2], runs[1:])
    assert none["numbers"][0]["ours"] is None
    assert "| share of seeds | 1 `[M]` | none succeeded | 7 |" in ledger.markdown(none)

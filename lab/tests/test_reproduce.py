"""Published experiments, run again: what ships, one run for each seed, the record and the command."""

import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from recurra.errors import AmbiguousComponent, UnknownComponent
from recurra.plugins import discovery
from recurra_lab import Experiment
from recurra_lab.cli import main
from recurra_lab.errors import RunFailed
from recurra_lab.reproductions import rerun
from recurra_lab.reproductions.catalogue import find, shipped
from recurra_lab.reproductions.record import options_of, read_record
from recurra_lab.reproductions.reference import claim_of
from recurra_lab.reproductions.rerun import Rerun
from recurra_lab.runs import seed_runs
from recurra_lab.runs.seed_runs import run_seeds
from recurra_lab.runs.signals import Interrupted

from .published_file import FILE, without_success


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


@pytest.mark.parametrize("killed_before", ["report.html", "scores.json"])
def test_a_run_that_was_killed_before_its_last_file_is_resumed(
    experiment, tmp_path, monkeypatch, killed_before
):
    begun = tmp_path / "seed-0" / "copy" / "lstm-bptt" / "1"
    begun.mkdir(parents=True)
    words = ["run.progress=false", "seed=0"]
    (begun / "experiment.toml").write_text(Experiment.compose(file=experiment, overrides=words).to_toml())
    written = {"outcome.json", "scores.json", "report.html"}
    for name in written - {killed_before}:
        (begun / name).touch()
    commands = []

    def resumed(command, root):
        commands.append(command)
        (begun / killed_before).touch()

    monkeypatch.setattr(seed_runs, "_recurra", resumed)
    for _ in range(2):  # the second time, nothing is left to do
        run_seeds(experiment, [0], tmp_path, words=[], at_once=1, tell=print)
    assert commands == [["resume", str(begun)]]


def test_an_experiment_file_trains_as_it_is_and_says_what_its_paper_claims(experiment):
    assert Experiment.from_toml(experiment).run.max_steps == 4
    told = claim_of(experiment)
    assert (told.paper, told.seeds, told.success.below) == ("Graves 2014, section 4.1", 2, 1000)
    assert [number.what for number in told.numbers] == ["sequences", "wrong bits", "last loss"]


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
    listed = "graves2014/two-vectors  2      0.1      reduced   Graves 2014, section 4.1"
    assert listed in run().output
    assert json.loads(run("--json").stdout)[0]["claim"] == "an LSTM copies two vectors"
    assert "max_steps = 4" in run("graves2014/two-vectors", "--print-config").output
    experiment.write_text(without_success(FILE))
    assert "warning: acme: " in run().output


def test_it_runs_every_seed_and_records_what_was_measured(experiment, tmp_path, forked_runs):
    out, records = tmp_path / "out", tmp_path / "records"
    words = ["graves2014/two-vectors", "--out", out, "--records", records]
    said = run(*words, "--record")
    assert said.exit_code == 0, said.output
    assert "**Verdict: equal.** Criterion: `scores.length-10.bit_errors` below 1,000. " in said.output
    assert "It is met by 2 of 2 seeds" in said.output
    assert "40 (figure 3, read in the paper) | at least 16 (median) | 16 to 16 |  | 16, 16 |" in said.output
    assert "| wrong bits | few (from memory) |" in said.output
    record = read_record(records / "graves2014-two-vectors.json")
    assert record == read_record(out / "graves2014/graves2014-two-vectors.json")
    assert record.seeds == [5, 6]
    assert record.options["cell.hidden_size"] == 4
    assert "seed" not in record.options
    first, second = record.runs
    assert first.measured["metrics.train/loss"] != second.measured["metrics.train/loss"]
    assert (first.curve.score, first.curve.steps) == ("bits_per_sequence", (2, 4))
    assert first.wall_seconds > 0
    assert first.cpu_seconds > 0
    assert datetime.fromisoformat(first.date).tzinfo is UTC
    assert "cores" in first.machine
    page = (records / "graves2014-two-vectors.md").read_text()
    assert "one line for each seed](graves2014-two-vectors.svg)" in page
    assert (records / "graves2014-two-vectors.svg").read_text().count("<use") >= 4

    # Again: a run that was interrupted goes on, and nothing else is run.
    (interrupted,) = out.rglob("seed-6/copy/*/*/scores.json")
    interrupted.unlink()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("seed-5/copy/*/*/*.json")}
    again = json.loads(run(*words, "--json").stdout)
    assert (again["verdict"], again["runs"][0]["seed"]) == ("equal", 5)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("seed-5/copy/*/*/*.json")} == before

    # One seed of the record again, in a folder of its own.
    checked = run(*words, "--check")
    assert "the record stands: seed 5 measures the same" in checked.output, checked.output
    text = (records / "graves2014-two-vectors.json").read_text()
    (records / "graves2014-two-vectors.json").write_text(text.replace("16.0", "18.0"))
    checked = run(*words, "--check")
    assert checked.exit_code != 0
    assert "of seed 5 outcome.sequences is 16 and was 18 to 18 in the record" in checked.output


def test_an_option_that_is_redrawn_has_the_value_of_the_seed_in_every_run(experiment, monkeypatch):
    experiment.write_text(FILE.replace("seeds = 2", 'seeds = 2\nredrawn = ["task.min_length"]'))
    given = []

    def pretend(path, seeds, folder, *, words, at_once, tell):
        given.append((*seeds, *words))
        return []

    monkeypatch.setattr(rerun, "run_seeds", pretend)
    monkeypatch.setattr(rerun, "record_of", lambda shipped, runs: None)
    monkeypatch.setattr(rerun, "save", lambda *_: None)
    Rerun(experiment.parent, experiment.parent, 1, print).run(find("graves2014/two-vectors"))
    assert given == [(5, "task.min_length=5"), (6, "task.min_length=6")]
    assert "task.min_length" not in options_of(Experiment.from_toml(experiment), ["task.min_length"])


def test_a_run_with_other_options_is_neither_reused_nor_recorded(experiment, tmp_path, forked_runs):
    out, records = tmp_path / "out", tmp_path / "records"
    words = ["graves2014/two-vectors", "--out", out, "--records", records, "--seeds", 1]
    for option in ("--record", "--check"):
        said = run(*words, option, "run.max_steps=2")
        assert f"{option} is for the experiment as it is shipped, and run.max_steps=2" in said.output
    few = run(*words, "--record")
    assert "a record of graves2014/two-vectors needs 2 seeds; got --seeds 1" in few.output
    assert not records.exists()
    short = json.loads(run(*words, "--json", "run.max_steps=2").stdout)
    assert short["overrides"] == ["run.max_steps=2"]
    assert short["runs"][0]["measured"]["outcome.sequences"] == 8
    assert "Run with run.max_steps=2, which differs" in run(*words, "run.max_steps=2").output
    assert not list(out.rglob("graves2014-two-vectors.*"))
    whole = json.loads(run(*words, "--json").stdout)
    assert whole["runs"][0]["measured"]["outcome.sequences"] == 16
    assert len(list(out.rglob("scores.json"))) == 2


def test_all_that_has_no_record_and_fits_into_the_time_is_run(experiment, tmp_path, monkeypatch):
    other = experiment.with_name("three-vectors.toml")
    other.write_text(FILE.replace("minutes = 0.1", "minutes = 50"))
    both = [(SimpleNamespace(dist="acme"), path) for path in (experiment, other)]
    monkeypatch.setattr(discovery.plugins(), "experiments", lambda: both)
    begun = []
    monkeypatch.setattr(Rerun, "record", lambda self, one: begun.append(one.name))
    words = ["--all", "--records", tmp_path]
    said = run(*words, "--within", 10)
    assert begun == ["graves2014/two-vectors"]
    assert "graves2014/three-vectors: skipped; it takes 50 minutes of 10.0 left" in said.output
    (tmp_path / "graves2014-two-vectors.json").touch()
    begun.clear()
    run(*words, "--missing")
    assert begun == ["graves2014/three-vectors"]
    assert "leave out --all or graves" in run(*words, "graves2014/two-vectors").output
    assert "--missing and --within go with --all" in run("--missing").output


def test_an_experiment_that_fails_does_not_keep_the_others_from_their_turn(experiment, tmp_path, monkeypatch):
    def fails(self, one):
        raise RunFailed("no luck")

    monkeypatch.setattr(Rerun, "record", fails)
    said = run("--all", "--records", tmp_path)
    assert "graves2014/two-vectors: no luck" in said.output
    assert "no record of graves2014/two-vectors" in said.output


def begun(root, name, text, age):
    folder = root / "copy" / "lstm-bptt" / name
    folder.mkdir(parents=True)
    for file in ("experiment.toml", "outcome.json", "scores.json", "report.html"):
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


def test_a_signal_ends_all_runs_and_is_no_failure_of_some(experiment, tmp_path, monkeypatch):
    def interrupted(*_):
        raise Interrupted("interrupted after step 3", signal.SIGTERM)

    monkeypatch.setattr(seed_runs, "train_new_together", interrupted)
    with pytest.raises(KeyboardInterrupt) as stop:
        run_seeds(experiment, [1, 2], tmp_path, words=[], at_once=1, tell=print)
    assert stop.value.__notes__ == [seed_runs.INTERRUPTED]


def test_options_that_exclude_each_other_are_reported_by_a_run(experiment, tmp_path, monkeypatch):
    def refused(words, root):
        raise RunFailed(f"refused in {root.name}")

    monkeypatch.setattr(seed_runs, "_recurra", refused)
    words = ["trainer.k1=2", "run.accumulate=2"]
    with pytest.raises(RunFailed, match="refused in seed-1"):
        run_seeds(experiment, [1, 2], tmp_path, words=words, at_once=1, tell=print)
    assert not list(tmp_path.glob("seed-*/*"))

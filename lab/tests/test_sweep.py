"""Sweeps: what is varied, trials over seeds, and going on after an interruption."""

import json
import logging

import pytest
from click.testing import CliRunner
from optuna.trial import TrialState

from recurra import InvalidOption
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.cli import main
from recurra_lab.errors import RunFailed
from recurra_lab.experiments import Experiment
from recurra_lab.sweeps import executors as places
from recurra_lab.sweeps import results, study
from recurra_lab.sweeps.space import Choices, Range, split
from recurra_lab.sweeps.study import Sweep

SMALL = [
    "task.max_length=2",
    "run.batch_size=4",
    "run.max_steps=2",
    "run.validate_every=2",
    "run.validation_batches=1",
    "run.suite_batches=1",
    "run.evaluation_batch_size=4",
]


class TestWords:
    def test_choices_ranges_and_what_is_fixed(self):
        space, fixed = split(["a=1,2", "b=1e-4..1e-2", "c=log:8..64", "d=0.5..2", "e=7", "f=log:1..10.5"])
        assert fixed == ["e=7"]
        assert space == {
            "a": Choices(("1", "2")),
            "b": Range(1e-4, 1e-2, log=False, whole=False),
            "c": Range(8, 64, log=True, whole=True),
            "d": Range(0.5, 2, log=False, whole=False),
            "f": Range(1, 10.5, log=True, whole=False),
        }
        assert space["c"].ends() == ("8", "64")

    def test_lists_tables_and_quotes_are_one_value(self):
        space, fixed = split(["a=[1, 2]", "b={name='x', y=1}", "c='x,y'", "d=[1,2],[3]", "e=x,{y=1, z=2}"])
        assert fixed == ["a=[1, 2]", "b={name='x', y=1}", "c='x,y'"]
        assert space == {"d": Choices(("[1,2]", "[3]")), "e": Choices(("x", "{y=1, z=2}"))}

    @pytest.mark.parametrize(
        ("word", "told"),
        [
            ("a=1..x", "expected two numbers, such as"),
            ("a=1..2..3", "expected two numbers, such as"),
            ("a=2..1", "expected two numbers, the first less than the second"),
            ("a=log:0..1", "expected two positive numbers, the first less than the second"),
            ("a=1", "no option is varied; give several values"),
        ],
    )
    def test_what_is_no_range_is_refused(self, word, told):
        with pytest.raises(InvalidOption, match=told):
            split([word])


@pytest.fixture
def tried(monkeypatch):
    """Runs that end at once: the score is the distance of the unit count from 20, plus the seed."""
    done = []

    def run_seeds(file, seeds, folder, *, words, at_once, tell):
        units = int(words[0].partition("=")[2])
        if units == 13:
            raise RunFailed("the loss became nan")
        runs = []
        for seed in seeds:
            run = RunFolder(folder / f"seed-{seed}")
            run.path.mkdir(parents=True, exist_ok=True)
            run.experiment.write_text(file.read_text())
            score = abs(units - 20) + seed
            run.metrics.write_text(
                f"step,metric,value\n1,validation/bits_per_sequence,99\n2,validation/bits_per_sequence,{score}\n"
            )
            runs.append(run)
        done.append(units)
        return runs

    monkeypatch.setattr(study, "run_seeds", run_seeds)
    return done


def sweep(*words):
    return CliRunner().invoke(main, ["sweep", "copy", "lstm", *map(str, words)])


def test_every_combination_of_choices_is_tried_once(tried, tmp_path, durably_written):
    said = sweep("cell.hidden_size=16,32,20,64", "--seeds", 2, "--out", tmp_path, "seed=3")
    assert said.exit_code == 0, said.output
    assert sorted(tried) == [16, 20, 32, 64]
    (folder,) = tmp_path.iterdir()
    table = (folder / "results.csv").read_text().splitlines()
    assert table[0] == "trial,cell.hidden_size,mean,seed 1,seed 2"
    assert [row.split(",")[1:] for row in table[1:3]] == [
        ["20", "3.5", "3.0", "4.0"],
        ["16", "7.5", "7.0", "8.0"],
    ]
    shown = (folder / "results.md").read_text()
    assert shown.startswith("| trial | cell.hidden_size | mean |")
    assert "| 20 | 3.5 | 3 | 4 |" in shown
    assert (
        b"cell.hidden_size" in (folder / "results.svg").read_bytes()
        or (folder / "results.svg").stat().st_size
    )
    written = {"experiment.toml", "results.csv", "results.md", "results.svg"}
    assert {path.name for path in durably_written} == written
    again = sweep("cell.hidden_size=16,32,20,64", "--seeds", 2, "--out", tmp_path, "seed=3")
    assert again.exit_code == 0
    assert len(tried) == 4


def test_trials_of_another_experiment_or_over_other_seeds_are_not_mixed_in(tried, tmp_path, monkeypatch):
    def folders(*words):
        said = sweep("cell.hidden_size=16,32", "--out", tmp_path, *words)
        assert said.exit_code == 0, said.output
        return len(list(tmp_path.iterdir()))

    assert folders() == folders("--trials", 2) == 1
    assert folders("--seeds", 2) == 2
    monkeypatch.setattr(Experiment, "config_hash", lambda self: "another default")
    assert folders() == 3  # by the same command


def test_what_optuna_chooses_comes_near_the_best(tried, tmp_path):
    said = sweep("cell.hidden_size=14..60", "--trials", 15, "--out", tmp_path)
    assert said.exit_code == 0, said.output
    assert len(tried) == 15
    assert min(abs(units - 20) for units in tried) <= 4
    more = sweep("cell.hidden_size=14..60", "--trials", 18, "--out", tmp_path)
    assert more.exit_code == 0
    assert len(tried) == 18


def test_a_trial_that_fails_is_told_and_not_repeated(tried, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("optuna"), "handlers", [caplog.handler])
    said = sweep("cell.hidden_size=13,20", "--out", tmp_path)
    assert said.exit_code == 0, said.output
    assert "failed: the loss became nan" in said.output
    assert caplog.records == []  # Optuna would log the traceback as well
    sweep("cell.hidden_size=13,20", "--out", tmp_path)
    assert tried == [20]


@pytest.mark.parametrize("times", [1, 2])
def test_a_sweep_without_a_result_fails(tried, tmp_path, times):
    for _ in range(times):
        said = sweep("cell.hidden_size=13,13", "--out", tmp_path)
    assert said.exit_code == 1
    assert (
        said.output.splitlines()[-1] == "error: every trial failed (2); the first because the loss became nan"
    )
    assert list(tmp_path.glob("*/results.csv"))


def test_a_trial_that_was_interrupted_is_tried_again(tried, tmp_path, monkeypatch):
    made = Sweep(
        tmp_path / "experiment.toml", {"cell.hidden_size": Range(14, 60, False, True)}, [0], 5, tmp_path
    )
    made.file.write_text("task = 'copy'\ncell = 'lstm'\n")
    real = study.run_seeds

    def killed(*args, **options):
        if len(tried) == 2:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(study, "run_seeds", killed)
    with pytest.raises(KeyboardInterrupt):
        study.run(made, study.study_of(made), places.here, 1, print)
    monkeypatch.setattr(study, "run_seeds", real)
    (left,) = study.study_of(made).get_trials(states=(TrialState.WAITING,))
    study.run(made, study.study_of(made), places.here, 1, print)
    assert len(tried) == 5
    assert tried[2] == left.system_attrs["fixed_params"]["cell.hidden_size"]
    assert len(results.ranked(study.study_of(made))) == 5


def test_a_grid_that_was_killed_in_its_last_trial_is_taken_up_again(tried, tmp_path):
    file = tmp_path / "experiment.toml"
    file.write_text("task = 'copy'\ncell = 'lstm'\n")
    made = Sweep(file, {"cell.hidden_size": Choices(("14", "15"))}, [0], None, tmp_path)
    begun = study.study_of(made)
    for _ in range(2):  # neither ends
        trial = begun.ask()
        trial.suggest_categorical("cell.hidden_size", made.space["cell.hidden_size"].ends())
    study.run(made, study.study_of(made), places.here, 1, print)
    assert len(results.ranked(study.study_of(made))) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["cell.hiden_size=1,2"], "cell.hiden_size"),
        (["cell.hidden_size=-1,2"], "greater than 0"),
        (["cell.hidden_size=1..2"], "set the number of --trials, because cell.hidden_size is a range"),
    ],
)
def test_mistakes_are_told_before_anything_runs(words, told, tried, tmp_path):
    said = sweep(*words, "--out", tmp_path)
    assert said.exit_code == 2
    assert told in said.output
    assert not tried


def test_a_run_without_a_validation_fails(tmp_path):
    run = RunFolder(tmp_path)
    run.metrics.write_text("step,metric,value\n")
    with pytest.raises(RunFailed, match=r"set run\.validate_every"):
        study._last(run, "validation/x")


def test_ray_is_asked_for_by_name(monkeypatch):
    monkeypatch.setattr(places.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InvalidOption, match="--cluster ray needs Ray"):
        places.place("ray", 0)


def test_real_runs(tmp_path, forked_runs):
    said = sweep("cell=elman,lstm", "cell.hidden_size=4", *SMALL, "--out", tmp_path, "--at-once", 2)
    assert said.exit_code == 0, said.output
    (folder,) = tmp_path.iterdir()
    table = (folder / "results.csv").read_text().splitlines()
    assert sorted(row.split(",")[1] for row in table[1:]) == ["elman", "lstm"]
    outcomes = [json.loads(path.read_text()) for path in folder.rglob("outcome.json")]
    assert [outcome["steps"] for outcome in outcomes] == [2, 2]


@pytest.mark.slow
def test_runs_on_ray(tmp_path):
    pytest.importorskip("ray")
    said = sweep("cell=elman,lstm", "cell.hidden_size=4", *SMALL, "--out", tmp_path, "--cluster", "ray")
    assert said.exit_code == 0, said.output
    assert len(list(tmp_path.rglob("outcome.json"))) == 2


@pytest.mark.parametrize(("stop_by", "value"), [("training", 3.0), ("validation", 2.0)])
def test_a_trial_is_judged_by_the_data_that_may_stop_it(tmp_path, monkeypatch, stop_by, value):
    run = RunFolder(tmp_path)
    run.experiment.write_text(
        Experiment.compose("copy", "gru", overrides=[f"run.stop_by={stop_by}"]).to_toml()
    )
    score = "bits_per_sequence"
    run.metrics.write_text(f"step,metric,value\n1,validation/{score},2\n2,train/{score},3\n")
    monkeypatch.setattr(study, "run_seeds", lambda *_, **__: [run])
    assert study.values_of(run.experiment, [0], tmp_path, []) == [value]

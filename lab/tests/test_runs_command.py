"""`recurra runs`: what small files tell of runs, without anything heavy."""

import errno
import json

import pytest
from click.testing import CliRunner

from recurra import InvalidOption, MissingFile
from recurra_lab.artifacts.run_list import runs_below
from recurra_lab.cli import main


def plant(root, name, *, cell="gru", seed=0, outcome=None, score=None):
    folder = root / "copy" / f"{cell}-bptt" / name
    folder.mkdir(parents=True)
    text = f'seed = {seed}\n[task]\nname = "copy"\n[cell]\nname = "{cell}"\n[trainer]\nname = "bptt"\n'
    (folder / "experiment.toml").write_text(text)
    if outcome:
        (folder / "outcome.json").write_text(json.dumps({"status": outcome, "steps": 1200}))
        (folder / "scores.json").write_text(json.dumps({"length-10": {"bits": score, "nats": 1.0}}))
    return folder


@pytest.fixture
def root(tmp_path):
    plant(tmp_path, "20260102-000000-aaaa", outcome="solved", score=0.5)
    plant(tmp_path, "20260101-000000-bbbb", cell="ntm", seed=3, outcome="budget used", score=0.25)
    plant(tmp_path, "20260103-000000-cccc", cell="ntm")
    return tmp_path


def lines(*words):
    done = CliRunner().invoke(main, ["runs", *map(str, words)])
    assert done.exit_code == 0, done.output
    return [line.split() for line in done.output.splitlines()]


def test_runs_are_listed_by_date(root):
    header, *rows = lines(root)
    assert header == ["TASK", "CELL", "TRAINER", "SEED", "STATUS", "UPDATES", "SCORE", "RUN"]
    assert [row[-1][-4:] for row in rows] == ["bbbb", "aaaa", "cccc"]
    assert rows[0][:-1] == [
        *["copy", "ntm", "bptt", "3", "step", "budget", "exhausted", "1,200", "bits", "0.25"]
    ]
    assert rows[2][:-1] == ["copy", "ntm", "bptt", "0", "unfinished"]


def test_runs_are_chosen_and_sorted(root):
    assert [row[-1][-4:] for row in lines(root, "--cell", "ntm", "--status", "unfinished")[1:]] == ["cccc"]
    assert [row[-1][-4:] for row in lines(root, "--sort", "bits")[1:]] == ["bbbb", "aaaa", "cccc"]
    assert [row[-1][-4:] for row in lines(root, "--sort", "cell")[1:]] == ["aaaa", "bbbb", "cccc"]
    with pytest.raises(InvalidOption, match=r"--sort bitz: expected one of run, .*; did you mean 'bits'"):
        main(["runs", str(root), "--sort", "bitz"], standalone_mode=False)


def test_json_has_every_score(root):
    found = json.loads(CliRunner().invoke(main, ["runs", str(root), "--json"]).output)
    assert found[1]["scores"] == {"bits": 0.5, "nats": 1.0}
    assert [run["steps"] for run in found] == [1200, 1200, None]


@pytest.mark.parametrize("content", ["not toml", "task = 3\n", 'seed = "x"\n', ""])
def test_a_damaged_run_hides_no_other(root, content):
    folder = plant(root, "20260104-000000-dddd")
    (folder / "experiment.toml").write_text(content)
    found = {run.path[-4:]: run.status for run in runs_below(root)}
    assert found.pop("dddd") in ("damaged", "unfinished")
    assert found == {"aaaa": "solved", "bbbb": "budget used", "cccc": "unfinished"}


@pytest.mark.parametrize("scores", ["[1]", '{"a": [1]}', '{"a": {"b": "x"}}', "{"])
def test_damaged_scores_are_called_so(root, scores):
    folder = plant(root, "20260104-000000-dddd", outcome="solved", score=1.0)
    (folder / "scores.json").write_text(scores)
    assert runs_below(root)[-1].status == "damaged"


def test_no_runs(tmp_path):
    assert lines(tmp_path) == [["no", "such", "runs", "in", str(tmp_path)]]
    with pytest.raises(MissingFile, match=r"there is no folder .*; name the folder of your runs"):
        main(["runs", str(tmp_path / "nothing")], standalone_mode=False)


@pytest.mark.parametrize("outcome", ['{"status": 3}', '{"steps": "many"}', '{"status": ["x"]}'])
def test_a_damaged_outcome_is_called_so(root, outcome):
    folder = plant(root, "20260104-000000-dddd")
    (folder / "outcome.json").write_text(outcome)
    assert runs_below(root)[-1].status == "damaged"
    assert lines(root)[-1][1] == "damaged"


def test_a_score_that_is_not_a_number_comes_last(root):
    plant(root, "20260100-000000-dddd", outcome="solved", score=float("nan"))
    assert [row[-1][-4:] for row in lines(root, "--sort", "bits")[1:]][:2] == ["bbbb", "aaaa"]


def test_a_full_disk_is_one_sentence(root, monkeypatch):
    def full(*words, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("recurra_lab.cli._output.table", full)
    done = CliRunner().invoke(main, ["runs", str(root)])
    assert done.exit_code == 1
    assert done.output == "error: the output could not be written: No space left on device\n"


def test_json_has_null_for_what_is_not_a_number(root):
    scores = next(root.rglob("scores.json"))
    scores.write_text('{"length-10": {"bits": NaN}}')
    output = CliRunner().invoke(main, ["runs", str(root), "--json"]).output
    assert "NaN" not in output
    assert [None] in [list(run["scores"].values()) for run in json.loads(output)]

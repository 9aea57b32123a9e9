"""`recurra compare` groups runs by everything but their seed, trains what is missing, and writes one page."""

import json
import re
import shutil

import pytest
from click.testing import CliRunner

from recurra_lab import train
from recurra_lab.cli.compare import compare

TINY = {"max_steps": 2, "batch_size": 2, "suite_batches": 1, "validation_batches": 1, "validate_every": 1}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two cells with four seeds each: one run, and copies of it that say otherwise."""
    root = tmp_path_factory.mktemp("runs")
    trained = train("parity", "elman", cell={"hidden_size": 2}, run=TINY, out=root).path
    for seed in range(8):
        copy = root / "parity" / "copies" / str(seed)
        shutil.copytree(trained, copy)
        (copy / "checksums.json").unlink()
        text = (copy / "experiment.toml").read_text().replace("seed = 0", f"seed = {seed % 4}")
        (copy / "experiment.toml").write_text(
            text.replace("hidden_size = 2", f"hidden_size = {2 + seed // 4}")
        )
        scores = json.loads((copy / "scores.json").read_text())
        for number, values in enumerate(scores.values()):
            values |= dict.fromkeys(values, seed + number + 0.5)
        (copy / "scores.json").write_text(json.dumps(scores))
    shutil.rmtree(trained)
    return root


def told(*words, code=0):
    result = CliRunner().invoke(compare, list(map(str, words)), catch_exceptions=code == 1)
    assert result.exit_code == code, result.output
    return result


def test_groups_their_medians_and_the_verdict(runs, tmp_path):
    lines = told(runs, "-o", tmp_path / "page.html").output.splitlines()
    assert lines[0] == "parity"
    assert [line.split()[:3] for line in lines[2:4]] == [
        ["elman", "hidden_size=2", "4"],
        ["elman", "hidden_size=3", "4"],
    ]
    assert "2 (0.5 to 3.5)" in lines[2]
    assert lines[4].startswith("elman hidden_size=2 is better than elman hidden_size=3 (p = 0.029")


def test_the_page_is_one_file_and_loads_nothing(runs, tmp_path):
    told(runs, "-o", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert page.count("<img ") == 2  # curves, and scores by variant
    assert "script-src &#39;sha256-" in page or "script-src 'sha256-" in page
    told(runs, "-o", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "page.html").read_bytes()


def test_json_has_every_seed(runs, tmp_path):
    (found,) = json.loads(told(runs, "--json", "-o", tmp_path / "page.html").output)
    assert [run["seed"] for run in found["groups"][0]["runs"]] == [0, 1, 2, 3]
    assert found["differences"][0]["p"] == pytest.approx(2 / 70)


def test_another_variant_decides(runs, tmp_path):
    (found,) = json.loads(told(runs, "--json", "-o", tmp_path / "page.html").output)
    variant = found["variants"][1]
    assert variant in told(runs, "--variant", variant, "-o", tmp_path / "page.html").output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "there is no folder nowhere; name runs, or folders with runs in them"),
        (["."], "there is no finished run in ."),
        (["--task", "parity"], "--cell CELL is missing"),
        (["--task", "parity", "--cell", "gruu"], "did you mean 'gru'"),
        (["--task", "parity", "--cell", "gru", "-o", "no/page.html"], "the folder no does not exist"),
        ([".", "-o", "."], ". is a folder; name a file to write"),
    ],
)
def test_mistakes_are_one_sentence(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in str(told(*words, code=1).exception)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("scores.json", "{}"),
        ("scores.json", "[]"),
        ("scores.json", '{"test": {"wrong_share": null}}'),
        ("outcome.json", "{}"),
        ("outcome.json", "[]"),
    ],
)
def test_a_damaged_run_without_checksums(runs, tmp_path, name, content):
    shutil.copytree(runs / "parity" / "copies" / "0", tmp_path / "run")
    (tmp_path / "run" / name).write_text(content)
    fault = told(tmp_path / "run", "-o", tmp_path / "page.html", code=1).exception
    assert f"{name} is damaged: it does not hold what a run writes; write it again with" in str(fault)


def test_a_variant_that_no_run_has(runs):
    assert "--variant lenght: not every run was evaluated on it" in str(
        told(runs, "--variant", "lenght", code=1).exception
    )


def test_two_runs_with_one_seed(runs, tmp_path):
    shutil.copytree(runs, tmp_path / "runs")
    shutil.copytree(tmp_path / "runs" / "parity" / "copies" / "0", tmp_path / "runs" / "again")
    assert "are the same experiment with seed 0; name only one" in str(
        told(tmp_path / "runs", code=1).exception
    )


def test_what_is_missing_is_trained_once(tmp_path, monkeypatch, forked_runs):
    monkeypatch.chdir(tmp_path)
    options = [f"run.{name}={value}" for name, value in TINY.items()]
    words = [
        "--task",
        "parity",
        "--cell",
        "elman",
        "--cell",
        "gru",
        "--seeds",
        "1",
        "cell.hidden_size=2",
        *options,
    ]
    first = told(*words).output
    assert "too few seeds to tell" in first
    runs = set(tmp_path.rglob("model.safetensors"))
    assert len(runs) == 2
    assert told(*words).output.splitlines()[-4:] == first.splitlines()[-4:]
    assert set(tmp_path.rglob("model.safetensors")) == runs

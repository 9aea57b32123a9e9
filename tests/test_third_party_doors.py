"""A stranger's cell, engine, command, optimizer and logger: packages of their own, used through the shell."""

import json
import tomllib

import pytest

from .elsewhere import Elsewhere, good
from .hooks_page import write_project

PACKAGES = ("acme_cell", "acme_engine", "acme_command", "acme_optimizer", "acme_logger")
DISTS = {package.replace("_", "-") for package in PACKAGES}
FEW = ("run.max_steps=4", "run.suite_batches=1", "run.validation_batches=1", "run.progress=false")
OURS = {"RECURRA_PLUGINS": ",".join([*sorted(DISTS), "recurra-algorithmic", "recurra-bptt"])}

ALONE = {"RECURRA_PLUGINS": ",".join(sorted(DISTS)), "RECURRA_BLOCK": "recurra-engine"}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """An environment with the five packages, as their authors have published them."""
    made = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    homes = [write_project(package, made.folder / "src") for package in PACKAGES]
    options = ["--quiet", "--no-build-isolation", "--no-deps", "--no-index"]
    good(made.run("-m", "pip", "install", *options, *homes))
    return made


def test_they_are_listed_and_have_no_defects(elsewhere):
    listed = json.loads(good(elsewhere.run("-m", "recurra", "list", "--json", **OURS)))
    offered = {(row["kind"], row["name"]) for row in listed if row["dist"] in DISTS}
    assert offered == {
        ("cell", "smooth"),
        ("command", "count-weights"),
        ("engine", "main"),
        ("logger", "jsonl"),
        ("optimizer", "muon"),
    }
    found = json.loads(good(elsewhere.run("-m", "recurra", "doctor", "--timeout", "200", "--json", **ALONE)))
    (engine,) = [engine for engine in found["engines"] if engine["dist"] == "acme-engine"]
    assert engine["offers"] == [["level", "unrolled"]]


def test_the_command_runs(elsewhere):
    told = good(elsewhere.run("-m", "recurra", "count-weights", "smooth", "--inputs", "3", **OURS))
    assert told == "smooth has 64 weights\n"


def test_the_engine_is_asked_first(elsewhere):
    told = good(elsewhere.run("-m", "recurra", "explain", "smooth", **OURS))
    assert told == "smooth runs at the level 'unrolled'\n"


def test_a_run_takes_the_cell_the_optimizer_the_logger_and_the_engine(elsewhere):
    words = [
        "copy",
        "smooth",
        "trainer.optimizer=muon",
        "trainer.optimizer.momentum=0.5",
        "run.logger=jsonl",
        *FEW,
    ]
    told = good(elsewhere.run("-m", "recurra", "train", *words, RECURRA_ENGINE="unrolled", **OURS))
    assert "step budget exhausted after 4 updates" in told
    (folder,) = (elsewhere.folder / "runs/copy/smooth-bptt").iterdir()
    rows = [json.loads(line) for line in (folder / "numbers.jsonl").read_text("utf-8").splitlines()]
    assert [row["step"] for row in rows if "train/loss" in row] == [1, 2, 3, 4]
    experiment = tomllib.loads((folder / "experiment.toml").read_text("utf-8"))
    assert experiment["trainer"]["optimizer"] == {"name": "muon", "lr": 0.02, "momentum": 0.5}
    versions = json.loads((folder / "versions.json").read_text("utf-8"))
    assert {"acme-cell", "acme-optimizer"} <= set(versions["plugins"])
    assert versions["engines"]["acme-engine"] == "1.0"


def test_a_level_that_no_engine_has_is_one_sentence(elsewhere):
    done = elsewhere.run("-m", "recurra", "train", "copy", "smooth", *FEW, RECURRA_ENGINE="unroled", **OURS)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2
    assert "there is no level 'unroled'; expected one of loop, unrolled, scan" in line
    assert line.endswith("did you mean 'unrolled'?")

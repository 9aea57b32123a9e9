"""What a newcomer does first, with wheels of every package in an environment outside the repository."""

import csv
import json
import math
import random
import re
from datetime import date, timedelta

import pytest

from .elsewhere import Published, good
from .packages import PACKAGES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

FEW = ("run.max_steps=20", "run.suite_batches=1", "run.validation_batches=1", "run.progress=false")
EXTRAS = ("recurra-lab[onnx]", "pip", "uv-build")
"""For the export, and for the installation of the newcomer's own cell."""

LABELS = """
import json, sys, recurra
print(json.dumps(recurra.load(sys.argv[1]).rows(input="new.jsonl")))
"""
GRAPH = """
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
session = onnxruntime.InferenceSession("pace.onnx", options)
x = numpy.zeros((2, 7, session.get_inputs()[0].shape[-1]), numpy.float32)
whole, _ = session.run(["y", "next_state.h"], {"x": x})
begun, state = session.run(["y", "next_state.h"], {"x": x[:, :3]})
ended, _ = session.run(["y", "next_state.h"], {"x": x[:, 3:], "state.h": state})
print(abs(whole - numpy.concatenate([begun, ended], 1)).max() < 1e-6, abs(whole).max() > 0)
"""


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    return Published(tmp_path_factory.mktemp("newcomer"), PACKAGES, EXTRAS)


def recurra(there, *words, **variables):
    return good(there.shell("recurra", *words, **variables))


def train(there, *words):
    """Return the folder of a short run."""
    told = recurra(there, "train", *words, *FEW)
    assert "20 updates" in told
    return re.search(r"^run folder: (\S+)$", told, re.MULTILINE)[1]


def table(file):
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def test_a_turing_machine_learns_to_copy(there):
    run = there.folder / train(there, "copy", "ntm")
    assert {"experiment.toml", "metrics.csv", "model.safetensors", "report.html", "scores.json"} <= {
        file.name for file in run.iterdir()
    }


def sales():
    """Yield eighty days of two shops with gaps, and three days of which the holidays alone are known."""
    rng = random.Random(0)
    for day in range(83):
        for shop, level in (("east", 50), ("west", 60)):
            gap = day >= 80 or (day < 70 and rng.random() < 0.1)
            sold = "" if gap else f"{level + 8 * math.sin(2 * math.pi * day / 7) + rng.gauss(0, 2):.1f}"
            yield f"{date(2026, 1, 1) + timedelta(day)},{shop},{sold},{int(day % 7 == 6)}"


def test_two_series_with_gaps_are_forecast(there):
    (there.folder / "shops.csv").write_text("\n".join(["day,shop,sold,holiday", *sales()]) + "\n", "utf-8")
    columns = ("series=shop", "columns=sold", "future_covariates=holiday", "missing=mask", "loss=quantile")
    sizes = ("window=7", "horizon=3", "season=7")
    options = [f"task.{option}" for option in ("file=shops.csv", *columns, *sizes)]
    run = train(there, "time-series", "gru", *options)
    recurra(there, "predict", run, "--output", "sales.csv")
    rows = table(there.folder / "sales.csv")
    days = ["2026-03-22", "2026-03-23", "2026-03-24"]
    assert [(row["shop"], row["day"]) for row in rows] == [(s, day) for s in ("east", "west") for day in days]
    for row in rows:
        low, middle, high = (float(row[f"sold_q{level}"]) for level in (0.1, 0.5, 0.9))
        assert low <= middle == float(row["sold"]) <= high


def test_a_classifier_of_texts_is_loaded_in_python(there):
    texts = [{"text": f"{word} film", "label": label} for word, label in (("fine", "good"), ("dull", "bad"))]
    write_lines(there.folder / "reviews.jsonl", texts * 40)
    write_lines(there.folder / "new.jsonl", [{"text": "dull film"}, {"text": "fine film"}])
    run = train(there, "sequence-classification", "gru", "task.file=reviews.jsonl")
    recurra(there, "predict", run, "--input", "new.jsonl", "--output", "labels.csv")
    found = json.loads(good(there.run("-c", LABELS, run)))
    assert [row["prediction"] for row in found] == ["bad", "good"]
    written = table(there.folder / "labels.csv")
    assert [row["prediction"] for row in written] == ["bad", "good"]
    assert [float(row["p_good"]) for row in written] == [row["p_good"] for row in found]


def write_lines(file, rows):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def test_a_text_is_continued(there):
    (there.folder / "book.txt").write_text("The cat sleeps on the mat. " * 400, "utf-8")
    run = train(there, "language-model", "gru", "task.file=book.txt")
    recurra(there, "predict", run, "prompt=The cat", "length=40", "--output", "story.txt")
    story = (there.folder / "story.txt").read_text("utf-8")
    assert story.startswith("The cat")
    assert len(story.rstrip("\n")) >= len("The cat") + 40 - story.count(" ")


def test_two_cells_are_compared_over_five_seeds(there):
    words = ("--task", "copy", "--cell", "gru", "--cell", "lstm", "--seeds", "5", *FEW)
    told = recurra(there, "compare", *words)
    assert re.search(r"^(gru|lstm) is better than (gru|lstm) \(p = |no difference", told, re.MULTILINE), told
    assert (there.folder / "comparison.html").is_file()
    assert len(list(there.folder.glob("runs/comparisons/*/seed-*/copy/*/*/outcome.json"))) == 10


def test_an_own_cell_is_checked_trained_and_exported(there):
    recurra(there, "new", "cell", "pace")
    local = {"PIP_NO_BUILD_ISOLATION": "0", "UV_NO_BUILD_ISOLATION": "1", "UV_OFFLINE": "1"}
    good(there.run("-m", "pip", "install", "-q", "-e", "./recurra-pace", **local))
    recurra(there, "check", "recurra-pace")
    run = train(there, "copy", "pace")
    recurra(there, "export", run, "--format", "onnx", "--to", "pace.onnx")
    assert good(there.run("-c", GRAPH)) == "True True\n"

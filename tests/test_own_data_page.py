"""The commands and the code of the page on own data run, on files such as it shows."""

import json
import random
import re
import shlex
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from recurra_lab.cli import main

PAGE = (Path(__file__).parents[1] / "docs" / "your-own-data.md").read_text("utf-8")
QUICK = ["run.max_steps=2", "run.suite_batches=1", "cell.hidden_size=4"]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SHOWN = [block for language, block in BLOCKS if not language]
COMMANDS = [
    shlex.split(line)[1:] for language, block in BLOCKS if language == "sh" for line in block.splitlines()
]


def lines(name, rows):
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Files that begin like those of the page, and are longer."""
    monkeypatch.chdir(tmp_path)
    rng = random.Random(0)
    texts = [json.loads(line) for line in SHOWN[2].splitlines()]
    lines("reviews.jsonl", texts * 20)
    lines("new.jsonl", [{"text": row["text"]} for row in texts])
    Path("book.txt").write_text("The cat sleeps on the mat. " * 400)
    lines("sentences.jsonl", [json.loads(SHOWN[5])] * 40)
    curves = [json.loads(line) for line in SHOWN[4].splitlines()]
    lines("curves.jsonl", [{**row, "cycles": rng.randrange(500)} for row in curves * 20])
    header, *rows = SHOWN[3].splitlines()
    patients = [
        ",".join([str(number), *row.split(",")[1:]]) for number in range(40) for row in [rows[number % 3]]
    ]
    Path("patients.csv").write_text("\n".join([header, *patients]) + "\n")
    dates = [f"2026-01-{day:02} {hour:02}:00" for day in range(1, 31) for hour in range(24)]
    series = [f"{date},{rng.random()},{rng.random()}" for date in dates]
    Path("load.csv").write_text("\n".join([SHOWN[0].splitlines()[0], *series]) + "\n")
    Path("shops.csv").write_text("\n".join([SHOWN[1].splitlines()[0], *sales(rng)]) + "\n")


def sales(rng):
    """Yield eighty days of two shops with gaps, and a week of which the holidays alone are known."""
    for day in range(87):
        for shop in ("east", "west"):
            sold = rng.randrange(90) if day < 80 and rng.random() < 0.9 else ""
            visitors = rng.randrange(400) if day < 80 else ""
            yield f"{date(2026, 1, 1) + timedelta(day)},{shop},{sold},{visitors},{day % 9 // 8}"


def told(words):
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return result.output


def test_its_commands_run(files):
    assert len(COMMANDS) == 14
    folder = ""
    for command in COMMANDS:
        if command[0] == "train":
            folder = re.search(r"run folder: (\S+)", told([*command, *QUICK]))[1]
        else:
            told([folder if word == "RUN" else word for word in command])
    written = {
        name: Path(name).read_text().splitlines()
        for name in ("forecast.csv", "sales.csv", "labels.csv", "tags.csv")
    }
    assert [text[0] for text in written.values()] == [
        "time,load,temperature",
        "shop,day,sold,sold_q0.1,sold_q0.5,sold_q0.9",
        "row,prediction,p_negative,p_positive",
        "row,step,prediction,p_DET,p_NOUN,p_VERB,actual",
    ]
    assert written["forecast.csv"][1].startswith("2026-01-31 00:00")
    assert len(written["sales.csv"]) == 1 + 2 * 7
    assert len(written["labels.csv"]) == 3
    assert Path("story.txt").read_text().startswith("The cat")


def test_its_code_runs(files):
    (code,) = (block for language, block in BLOCKS if language == "python")
    made = {}
    exec(code.replace("200}", '2, "suite_batches": 1}'), made)
    assert {row["prediction"] for row in made["rows"]} <= {"positive", "negative"}

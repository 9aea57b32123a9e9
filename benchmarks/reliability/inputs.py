"""Mistakes of users: words of the shell, experiment files, data files and plugins that are wrong in some way.

Each is answered with exit code 0, or with 2, or with 1 where the machine has failed, and then with sentences
only: no traceback, and an answer within a minute. An accepted override must be in the printed experiment.
"""

from __future__ import annotations

import random
import resource
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from plugin_defects import DEFECTS
from processes import Group, warm

from damaged_data import READERS, contents, damage
from recurra.plugins import discovery
from recurra_lab.cli import COMMANDS
from recurra_lab.experiments import Experiment

TIME_LIMIT_S = 60
MEMORY = 12 << 30
"""Bytes of address space of a process; whoever asks for more is told so."""
PAIRS = (("copy", "ntm"), ("tagging", "gru"), ("listops", "tree-lstm"), ("language-model", "lstm"))
ODD_VALUES = (
    "", " ", "-1", "0", "1", "3.0", "1e400", "-inf", "nan", "none", "null", "true", "yes", "9" * 40, "1e3", "08", "0x10",
    "[]", "[1,", "{}", "{a=1}", "'x", '"', "a" * 3000, "☃", "\x1b[31m", "[/b]", "../..", "/dev/zero", "/dev/null", "~",
    "1..3", "log:0..1", "$HOME", "`id`", "%s", "\\", "\n", "1,2", "2020-01-01", "os.system", "copy", "lstm", "sgd",
)  # fmt: skip
TOPLEVEL = (
    "--json",
    "--help",
    "-o",
    "--out",
    "--plugin",
    "--seeds",
    "-c",
    "--kind",
    "--split",
    "--",
    "-x",
    "--sort",
)
PRINTED = "--print-config"


class Mistake(NamedTuple):
    """Words for the shell, and what an accepted command must have printed: key -> value."""

    words: list[str]
    printed: dict[str, str] = {}


def measured(tries: int, seed: int) -> list[dict[str, Any]]:
    """Return one row per kind of input: tried, accepted, refused with sentences, failed with one, lost."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        warm(["show", "copy"], root / "warm.txt")
        made = [
            ("shell lines", tries * 5 // 14, lambda draw, place: _line(draw)),
            ("experiment files", tries * 5 // 14, _experiment),
            ("data files", tries * 4 // 14, _data_file(contents(root / "intact"))),
            ("plugin defects", len(DEFECTS), _plugin),
        ]
        return [_row(root, name, count, make, seed) for name, count, make in made]


Make = Callable[[random.Random, Path], Mistake]


def _row(root: Path, name: str, count: int, make: Make, seed: int) -> dict[str, Any]:
    found = Counter[str]()
    for number in range(count):
        place = root / name / str(number)
        place.mkdir(parents=True)
        mistake = make(random.Random(f"{seed} {name} {number}"), place)
        found[answer(mistake, place.with_suffix(".txt"), place)] += 1
    outcomes = {outcome: found[outcome] for outcome in ("accepted", "refused", "failed", "lost")}
    return {"input": name, "tried": count, **outcomes}


def answer(mistake: Mistake, output: Path, place: Path) -> str:
    """Give words to the shell, in an empty folder, and judge what it answers."""
    group = Group(mistake.words, output, prepare=_limited(place))
    ended = group.ended(TIME_LIMIT_S)
    (code,) = group.codes
    group.kill()
    said = output.read_text("utf-8", "replace") if output.exists() else ""
    outcome = {0: "accepted", 2: "refused", 1: "failed"}.get(
        -1 if code is None or not ended else code, "lost"
    )
    told = [line for line in said.splitlines() if line.startswith("error: ")]
    wrong = "Traceback" in said or (outcome in ("refused", "failed") and not told)
    if outcome == "accepted" and not wrong:
        wrong = not _as_printed(mistake.printed, said)
    if wrong or outcome == "lost":
        print(f"lost: {mistake.words!r}: exit code {code}: {said[-800:]}")
        return "lost"
    return outcome


def _limited(place: Path) -> Callable[[], None]:
    def prepare() -> None:
        import os

        os.chdir(place)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    return prepare


def _as_printed(expected: dict[str, str], said: str) -> bool:
    """Return whether a printed experiment has these values, where a value is one of TOML."""
    if not expected:
        return True
    printed: Any = tomllib.loads(said)
    for key, text in expected.items():
        found: Any = printed
        for part in key.split("."):
            found = found.get(part, {}) if isinstance(found, dict) else {}
        with suppress(tomllib.TOMLDecodeError):
            value = tomllib.loads(f"x = {text}")["x"]
            name = found.get("name") if isinstance(found, dict) else None
            if value not in (found, name) and not isinstance(value, dict | list):
                return False
    return True


def _keys() -> list[str]:
    """Return the keys of the options of some experiments."""
    return sorted({key for pair in PAIRS for key in _leaves(Experiment.compose(*pair).as_dict())})


def _leaves(options: dict[str, Any], under: str = "") -> Iterator[str]:
    for key, value in options.items():
        yield under + key
        if isinstance(value, dict):
            yield from _leaves(value, f"{under}{key}.")


def _line(draw: random.Random) -> Mistake:
    """Return a command with wrong words, which only prints, or cannot begin."""
    if draw.random() < 0.6:
        key, value = _misspelt(draw.choice(_keys()), draw), draw.choice(ODD_VALUES)
        return Mistake(["train", *draw.choice(PAIRS), f"{key}={value}", PRINTED], {key: value})
    names = [component.name for _, component in discovery.plugins().components]
    quiet = [
        name
        for name in COMMANDS
        if name not in ("train", "sweep", "find-lr", "compare", "doctor", "reproduce")
    ]
    command = draw.choice([*quiet, _misspelt(draw.choice(quiet), draw)])
    pool = [*names, *ODD_VALUES, *TOPLEVEL]
    return Mistake([command, *(_misspelt(draw.choice(pool), draw) for _ in range(draw.randrange(4)))])


def _misspelt(word: str, draw: random.Random) -> str:
    """Return a word, with one letter lost in a third of the draws."""
    place = draw.randrange(len(word) + 1)
    return word[:place] + word[place + 1 :] if draw.random() < 1 / 3 else word


def _experiment(draw: random.Random, place: Path) -> Mistake:
    """Return a command that reads an experiment file with one to three faults."""
    text = Experiment.compose(*draw.choice(PAIRS)).to_toml()
    for _ in range(draw.randrange(1, 4)):
        text = _changed(text, draw)
    (file := place / "experiment.toml").write_text(text, "utf-8")
    return Mistake(["train", "-c", str(file), PRINTED])


def _changed(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    row, value = draw.randrange(len(lines)), draw.choice(ODD_VALUES)
    key, equals, _ = lines[row].partition(" = ")
    return "\n".join(
        draw.choice(
            [
                lambda: [*lines[:row], f"{key}{equals}{value}", *lines[row + 1 :]],
                lambda: [*lines[:row], f"{_misspelt(lines[row], draw)}", *lines[row + 1 :]],
                lambda: [*lines[:row], *lines[row + 1 :]],
                lambda: [*lines[: row + 1], *lines[row:]],
                lambda: lines[:row],
                lambda: [*lines[:row], f"[{value}]", *lines[row:]],
                lambda: [*lines[:row], f"{value or 'x'} = {value!r}", *lines[row:]],
            ]
        )()
    )


def _data_file(others: Sequence[bytes]) -> Make:
    """Return what makes a command that reads a damaged data file."""

    def make(draw: random.Random, place: Path) -> Mistake:
        reader = READERS[draw.choice([*READERS])]
        path, named = reader.write(place)
        damage(path, others, draw)
        return Mistake(["show", *(word.format(named) for word in reader.words), "--split=train"])

    return make


def _plugin(draw: random.Random, place: Path) -> Mistake:
    """Return a command with the next plugin that has a defect, in a single file."""
    source, words = DEFECTS[int(place.name)]
    (file := place / "defect.py").write_text(source)
    return Mistake(["--plugin", str(file), *words])

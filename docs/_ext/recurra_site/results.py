"""The ledger of reproduced experiments and the benchmarks, from the recorded results."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from recurra_lab.reproductions.archive import Known, recorded, stem_of, unrecorded
from recurra_lab.reproductions.table import tables
from recurra_site.markdown import toctree

RESULTS = Path("benchmarks", "results")
RECORDS = RESULTS / "reproductions"


def records(repository: Path) -> list[Known]:
    """Return all records of reproduced experiments."""
    return list(recorded(repository / RECORDS))


def pages(repository: Path, known: Sequence[Known]) -> dict[str, str]:
    """Return the pages of the ledger and of the benchmarks."""
    return {**_ledger(repository, known), **_speed(repository)}


def copy_pictures(repository: Path, generated: Path) -> None:
    """Copy the pictures of the ledger and of the benchmarks beside their pages."""
    for source, folder in ((RECORDS, generated / "ledger"), (RESULTS, generated / "speed")):
        folder.mkdir(parents=True, exist_ok=True)
        for picture in (repository / source).glob("*.svg"):
            shutil.copyfile(picture, folder / picture.name)


def _ledger(repository: Path, known: Sequence[Known]) -> dict[str, str]:
    missing = [one.name for one in unrecorded(repository / RECORDS)]
    names = [stem_of(record.experiment) for _, record in known]
    intro = (
        "Published experiments, run again over several seeds, of which all count, and judged by the claim of"
        " the paper. `recurra reproduce NAME` runs one again."
    )
    rows = tables(known, missing, ".").replace("(./", "(")
    made = {"ledger/index.md": "\n\n".join(["# Ledger", intro, rows, toctree(names)])}
    for name in names:
        text = (repository / RECORDS / f"{name}.md").read_text("utf-8")
        made[f"ledger/{name}.md"] = _from_first_level(text)
    return made


def _speed(repository: Path) -> dict[str, str]:
    files = sorted((repository / RESULTS).glob("*.md"))
    intro = (
        "Each page is the output of a script in `benchmarks/`, which its first lines name. Peers are timed"
        " alternately with recurra in one process."
    )
    texts = {file.stem: _titled(file) for file in files}
    titles = {name: text.lstrip("# ").splitlines()[0] for name, text in texts.items()}
    listed = "\n".join(f"- [{title}]({name}.md)" for name, title in titles.items())
    made = {"speed/index.md": "\n\n".join(["# Speed and reliability", intro, listed, toctree(titles)])}
    return made | {f"speed/{name}.md": text for name, text in texts.items()}


def _titled(file: Path) -> str:
    """Return a file with a heading of the first level: its own, or one that its name makes."""
    text = _from_first_level(file.read_text("utf-8"))
    return text if text.startswith("# ") else f"# {file.stem.replace('_', ' ').capitalize()}\n\n{text}"


def _from_first_level(text: str) -> str:
    """Return a text whose first heading is of the first level."""
    return re.sub(r"^##(#*) ", r"#\1 ", text, flags=re.MULTILINE) if text.startswith("## ") else text

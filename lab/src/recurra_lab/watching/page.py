"""The live page: a frame that is sent once, and its contents, which it asks for again and again."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from recurra_lab.formatting import duration, number
from recurra_lab.reports.templates import template
from recurra_lab.reports.text import spoken
from recurra_lab.watching.progress import RUNNING, Progress, progress_below
from recurra_lab.watching.sparkline import HEIGHT, WIDTH, Sparkline, sparkline

MOST_RUNS = 40
MOST_CURVES = 4


class LivePage:
    """The page of some folders; it remembers when it first saw each run, to tell how long it will take.

    Args:
        roots: Runs, or folders of runs.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = roots
        self._first: dict[str, tuple[float, int]] = {}

    def frame(self) -> str:
        """Return the whole page."""
        script = resources.files(__package__).joinpath("refresh.js").read_text("utf-8")
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        return template("watch.html.j2").render(
            contents=self.contents(), script=script, script_hash=f"sha256-{digest}"
        )

    def contents(self) -> str:
        """Return what changes: the runs as they are now."""
        found = progress_below(self.roots)
        running = sum(run.status == RUNNING for run in found)
        return template("watch-runs.html.j2").render(
            summary=f"{running:,} running, {len(found) - running:,} others",
            runs=[self._card(run) for run in found[:MOST_RUNS]],
            hidden=max(0, len(found) - MOST_RUNS),
            width=WIDTH,
            height=HEIGHT,
        )

    def _card(self, run: Progress) -> dict[str, Any]:
        return {
            "title": run.title,
            "path": run.path,
            "about": f"seed {run.seed} · {run.path}",
            "status": run.status,
            "running": run.status == RUNNING,
            "step": run.step,
            "steps": max(run.steps, run.step, 1),
            "position": f"{run.step:,} of {run.steps:,} updates{self._left(run)}",
            "curves": list(_curves(run)),
            "metrics": [(_spoken(name), number(value, 4)) for name, value in run.latest.items()],
        }

    def _left(self, run: Progress) -> str:
        """Return the time left, once the run has advanced since it was first seen."""
        seen, step = self._first.setdefault(run.path, (run.changed, run.step))
        if run.status != RUNNING or run.step <= step:
            return ""
        each = (run.changed - seen) / (run.step - step)
        return f", about {duration(each * max(0, run.steps - run.step))} left"


def _spoken(metric: str) -> str:
    """Return a metric for people: `validation bit errors`."""
    return spoken(metric.replace("/", " "))


def _curves(run: Progress) -> Iterator[Sparkline]:
    """Yield the first curves, those of validation before those of training."""
    order = sorted(run.curves, key=lambda name: not name.startswith("validation/"))
    drawn = (sparkline(_spoken(name), run.curves[name]) for name in order)
    yield from [curve for curve in drawn if curve is not None][:MOST_CURVES]

"""The page of a comparison: one self-contained HTML file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from recurra_lab.artifacts.atomic_files import durable
from recurra_lab.comparisons.groups import Comparison
from recurra_lab.comparisons.pictures import pictures
from recurra_lab.comparisons.table import columns, rows
from recurra_lab.comparisons.verdict import differences
from recurra_lab.reports.templates import template
from recurra_lab.reports.text import goal_in_words


def write_page(found: Sequence[Comparison], path: Path, variant: str | None = None) -> None:
    """Write the comparisons of several tasks to a file; the same runs give the same bytes."""
    script = resources.files(__package__).joinpath("sort.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = template("comparison.html.j2").render(
        parts=[_part(comparison, variant) for comparison in found],
        script=script,
        script_hash=f"sha256-{digest}",
    )
    with durable(path) as file:
        file.write(page.encode())


def _part(found: Comparison, variant: str | None) -> dict[str, Any]:
    return {
        "task": found.task,
        "goal": goal_in_words(found.goal),
        "verdicts": [f"{difference}." for difference in differences(found, variant)],
        "columns": columns(found, found.variants),
        "rows": rows(found, found.variants),
        "pictures": pictures(found),
    }

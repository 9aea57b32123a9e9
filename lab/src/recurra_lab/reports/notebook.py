"""What a notebook shows of runs and of trained networks."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

HEIGHT = 600
"""Pixels; a longer report scrolls."""


def framed(report: Path) -> str:
    """Return a report, one self-contained page, in a frame; or a line that says that it is missing."""
    try:
        page = report.read_text("utf-8")
    except OSError:
        return f"<p>{escape(str(report))} is missing; write it again with: recurra report</p>"
    style = "width: 100%; border: 0"
    return f'<iframe sandbox="" height="{HEIGHT}" style="{style}" srcdoc="{escape(page)}"></iframe>'


def table(facts: Mapping[str, object]) -> str:
    """Return facts as a table of two columns."""
    rows = (f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in facts.items())
    return f"<table>{''.join(rows)}</table>"

"""Pieces of MyST Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields|Note|Example|Examples):$")
NAMED = re.compile(r"^    (\**[\w.]+)(?: \([^)]*\))?: (.*)$")
LABEL = re.compile(r"[A-Z][\w ]{1,24}: ")
"""Begins a line of a docstring, such as `Shapes: `."""
CLICK_MARK = "\b"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; an empty one is an empty text."""
    lines = [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    if not lines:
        return ""
    return "\n".join(
        [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *(f"| {line} |" for line in lines)]
    )


def code(value: object) -> str:
    """Return a value as inline code; nothing for an empty one."""
    return f"`{value}`" if str(value) else ""


def toctree(names: Iterable[str], caption: str = "") -> str:
    """Return a hidden table of contents."""
    head = f":caption: {caption}\n" if caption else ""
    return "\n".join(["```{toctree}", ":hidden:", ":maxdepth: 1", f"{head}", *names, "```", ""])


def from_docstring(doc: str | None) -> str:
    """Return a docstring as Markdown: equations as blocks, sections such as `Args:` as lists."""
    parts: list[str] = []
    section = ""
    for line in inspect.cleandoc(doc or "").splitlines():
        heading, named = SECTION.match(line), NAMED.match(line)
        if heading:
            section = heading[1]
            parts += ["", f"**{section}**", ""]
        elif section and named:
            parts.append(f"- `{named[1]}`: {named[2]}")
        elif section and line.startswith("    "):
            continued = "  " if line.startswith("        ") else ""
            parts.append(f"{continued}{line.strip()}")
        else:
            section = section if not line else ""
            parts.append(line)
    return _spaced(parts).strip()


def _spaced(lines: list[str]) -> str:
    """Put an empty line before an indented block and a label, which Markdown would join to the text."""
    made: list[str] = []
    for line in lines:
        before = made[-1] if made else ""
        block = line.startswith("    ") and not before.startswith("    ")
        label = LABEL.match(line) and not before.startswith(" ")
        made += ["", line] if before and (block or label) else [line]
    return "\n".join(made)


def from_help(text: str) -> str:
    """Return the help of a command as Markdown; what click does not wrap becomes a code block."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(text))
    shown = [
        f"```text\n{part.replace(CLICK_MARK, '').strip()}\n```" if CLICK_MARK in part else part
        for part in paragraphs
    ]
    return "\n\n".join(shown)

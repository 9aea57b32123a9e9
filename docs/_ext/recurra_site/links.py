"""Links between files of the repository, as links between pages of the site."""

from __future__ import annotations

import os
import re
from pathlib import Path

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
PAGES = (
    (re.compile(r"README\.md"), "docs/index.md"),
    (re.compile(r"benchmarks/results/reproductions/(.+)\.md"), r"docs/_generated/ledger/\1.md"),
    (re.compile(r"benchmarks/results/(.+)\.md"), r"docs/_generated/speed/\1.md"),
)
"""Files of the repository, and the pages that show them."""


def relinked(text: str, source: Path, repository: Path) -> str:
    """Return Markdown whose links lead to pages; a link to a file that is not on the site becomes its text.

    Args:
        text: The source of a page.
        source: Its path; a generated page has links as a page in `docs`.
        repository: The root of the repository.
    """

    def target(found: re.Match[str]) -> str:
        words, link, anchor = found[1], found[2], found[3] or ""
        path = os.path.relpath(os.path.normpath(source.parent / link), repository)
        for pattern, page in PAGES:
            if pattern.fullmatch(path):
                path, anchor = pattern.sub(page, path), "" if path == "README.md" else anchor
        if not path.startswith("docs/") or not path.endswith(".md"):
            return words
        return f"[{words}]({os.path.relpath(repository / path, source.parent)}{anchor})"

    return LINK.sub(target, text)

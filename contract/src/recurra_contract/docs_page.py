"""The list of all checks on a page, brought up to date by `python -m recurra_contract.docs_page PAGE`."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from recurra.plugins.hooks import KINDS
from recurra_contract.kit import checks

START = "<!-- What follows is written by: python -m recurra_contract.docs_page docs/contract.md -->\n"


def every_check() -> str:
    """Return the checks of all kinds and what each demands, in Markdown."""
    lines: list[str] = []
    for kind in KINDS:
        lines += ["", f"## Every {kind}", ""]
        lines += [f"- **`{check.__name__}`** {_demand(check)}" for check in checks(kind)]
    return "\n".join([*lines, ""])


def _demand(check: object) -> str:
    return " ".join((inspect.getdoc(check) or "").split())


def updated(page: str) -> str:
    """Return a page whose list of checks is up to date."""
    return page.partition(START)[0] + START + every_check()


def _update(path: Path) -> None:
    path.write_text(updated(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    _update(Path(sys.argv[1]))

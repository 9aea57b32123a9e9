"""Bring the code of the tutorial up to date: `python tools/regenerate_tutorial.py`.

Run it after a template of `recurra new` changed. A mark above a block names what it shows: a generated file,
or the part of it that starts at a class.
"""

import re
from pathlib import Path

from recurra.plugins import registry
from recurra.plugins.hooks import Kind
from recurra_lab.scaffold.plugin import Plugin

PAGE = Path(__file__).parents[1] / "docs" / "writing-a-plugin.md"
SHOWN: dict[Kind, str] = {"cell": "leaky", "memory": "fading", "task": "echo", "trainer": "descent"}
BLOCK = re.compile(r"<!-- (src/\S+?)(?: from (\w+))? -->\n```python\n.*?```", re.DOTALL)


def sources() -> dict[str, str]:
    """Return the files that `recurra new` writes for the plugins of the tutorial, path -> content."""
    registry.components = lambda kind=None: []  # a plugin of one of these names may be installed here
    return {path: text for kind, name in SHOWN.items() for path, text in Plugin(kind, name).files().items()}


def updated(page: str, files: dict[str, str]) -> str:
    """Return a page whose blocks show the files as they are."""

    def block(match: re.Match[str]) -> str:
        path, first = match[1], match[2]
        code = files[path]
        code = code[code.index(f"class {first}") :] if first else code
        mark = match[0].partition("\n")[0]
        return f"{mark}\n```python\n{code.rstrip()}\n```"

    return BLOCK.sub(block, page)


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text("utf-8"), sources()), "utf-8")

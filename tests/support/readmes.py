"""What the README of a plugin must hold: every option with its default, and code that runs."""

import json
import re


def assert_names_every_option(readme, component):
    """Check that a table of the README has a row for every option, with its default."""
    for option, default in component.options.items():
        shown = "none" if default is None else json.dumps(default).strip('"')
        assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", readme, re.MULTILINE), option


def run_code(readme):
    """Run every Python block of the README by itself."""
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert blocks
    for code in blocks:
        exec(code, {})

"""The README names every option with its default, and its code runs."""

import json
import re
from pathlib import Path

import pytest

from recurra_ssm.lru import LRU
from recurra_ssm.mamba import Mamba
from recurra_ssm.mamba2 import Mamba2
from recurra_ssm.rg_lru import RGLRU
from recurra_ssm.s4d import S4D
from recurra_ssm.s5 import S5

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


@pytest.mark.parametrize("kind", [S4D, S5, LRU, RGLRU, Mamba, Mamba2])
def test_every_option_is_named(kind):
    for option, default in kind(3).options.items():
        shown = "none" if default is None else json.dumps(default).strip('"')
        assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", README, re.MULTILINE), option


def test_its_code_runs():
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for code in blocks:
        exec(code, {})

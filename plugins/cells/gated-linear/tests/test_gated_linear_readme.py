"""The README names every option with its default, and its code runs."""

import json
import re
from pathlib import Path

import pytest

from recurra_gated_linear.hgrn import HGRN
from recurra_gated_linear.ind_rnn import IndRNN
from recurra_gated_linear.minimal import MinGRU, MinLSTM
from recurra_gated_linear.qrnn import QRNN
from recurra_gated_linear.sru import SRU

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


@pytest.mark.parametrize("kind", [MinGRU, MinLSTM, QRNN, SRU, HGRN, IndRNN])
def test_every_option_is_named(kind):
    for option, default in kind(3).options.items():
        shown = "none" if default is None else json.dumps(default).strip('"')
        assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", README, re.MULTILINE), option


def test_its_code_runs():
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    for code in blocks:
        exec(code, {})

"""The README names every option with its default, and its code runs."""

from pathlib import Path

import pytest

from readmes import assert_names_every_option, run_code
from recurra_ssm.lru import LRU
from recurra_ssm.mamba import Mamba
from recurra_ssm.mamba2 import Mamba2
from recurra_ssm.rg_lru import RGLRU
from recurra_ssm.s4d import S4D
from recurra_ssm.s5 import S5

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


@pytest.mark.parametrize("kind", [S4D, S5, LRU, RGLRU, Mamba, Mamba2])
def test_every_option_is_named(kind):
    assert_names_every_option(README, kind(3))


def test_its_code_runs():
    run_code(README)

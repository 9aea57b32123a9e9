"""The cells hold their contracts and all of them are compiled."""

import shutil

import pytest

from recurra_contract import contract
from recurra_engine import ENGINE
from recurra_ssm.lru import LRU
from recurra_ssm.mamba import Mamba
from recurra_ssm.mamba2 import Mamba2
from recurra_ssm.rg_lru import RGLRU
from recurra_ssm.s4d import S4D
from recurra_ssm.s5 import S5


@contract("cell", "s4d")
def test_contract_of_s4d(check):
    check()


@contract("cell", "s5")
def test_contract_of_s5(check):
    check()


@contract("cell", "lru")
def test_contract_of_lru(check):
    check()


@contract("cell", "rg-lru")
def test_contract_of_rg_lru(check):
    check()


@contract("cell", "mamba")
def test_contract_of_mamba(check):
    check()


@contract("cell", "mamba2")
def test_contract_of_mamba2(check):
    check()


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="needs a C compiler")
@pytest.mark.parametrize("kind", [S4D, S5, LRU, RGLRU, Mamba, Mamba2])
def test_every_cell_is_compiled(kind, monkeypatch):
    monkeypatch.delenv("RECURRA_ENGINE", raising=False)
    assert ENGINE.explain(kind(3, **kind.contract_options))["level"] == "native"

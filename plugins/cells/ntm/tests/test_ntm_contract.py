"""The cell, its memory and its controller hold their contracts."""

import pytest

from recurra import Ref
from recurra.testing import Contract, contract
from recurra_ntm.cell import NTM

LEARNED = {"initial_memory": "learned", "initial_weighting": "learned", "max_shift": 2}
CONTROLLER = Ref("cell", "feed-forward", hidden_size=5)
MEMORY = Ref("memory", "ntm", slots=6, width=3, **LEARNED)


@contract("cell", "ntm")
def test_the_cell(check):
    check()


@contract("memory", "ntm")
def test_the_memory(check):
    check()


@contract("cell", "feed-forward")
def test_the_controller(check):
    check()


OTHER = Contract("cell", lambda input_size=3: NTM(input_size, controller=CONTROLLER, memory=MEMORY))


@pytest.mark.parametrize("check", list(OTHER.checks()), ids=lambda check: check.name)
def test_the_cell_with_a_learned_start(check):
    check()

"""Both cells and their net hold their contracts, in each of their forms."""

import pytest

from recurra import Ref
from recurra.testing import Contract, contract
from recurra_history_compressor.cell import HistoryCompressor


@contract("cell", "history-compressor")
def test_the_hierarchy(check):
    check()


@contract("cell", "automatizer-chunker")
def test_the_two_nets(check):
    check()


@contract("cell", "tanh-recurrent")
def test_the_net(check):
    check()


def other(**options):
    return Contract("cell", lambda input_size=3: HistoryCompressor(input_size, **options))


NET = Ref("cell", "tanh-recurrent", hidden_size=4)
FORMS = {
    "three levels": other(levels=3, level=NET, confidence=0.5),
    "one level": other(levels=1, level=NET),
    "no times": other(level=NET, time_bits=0),
    "lstm": other(level=Ref("cell", "lstm", hidden_size=4)),
}


@pytest.mark.parametrize(
    "check",
    [pytest.param(check, id=f"{name}-{check.name}") for name, one in FORMS.items() for check in one.checks()],
)
def test_other_forms(check):
    check()

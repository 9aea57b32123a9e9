"""Both cells and their net hold their contracts, in each of their forms."""

from recurra import Ref
from recurra_contract import contract

FORMS = {
    "three levels": {"levels": 3, "time_bits": 8, "confidence": 0.5},
    "one level": {"levels": 1},
    "no times": {"time_bits": 0},
    "lstm": {"level": Ref("cell", "lstm", hidden_size=4)},
}


@contract("cell", "history-compressor")
def test_the_hierarchy(check):
    check()


@contract("cell", "automatizer-chunker")
def test_the_two_nets(check):
    check()


@contract("cell", "tanh-recurrent")
def test_the_net(check):
    check()


@contract("cell", "history-compressor", FORMS)
def test_the_hierarchy_in_other_forms(check):
    check()

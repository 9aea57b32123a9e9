"""Binding: its contract, its product by hand, and a memory of facts as its readout."""

import pytest
import torch

from recurra import IncompatibleParts
from recurra_contract import contract
from recurra_tensor_product.binding import Binding
from recurra_tensor_product.facts import retrieve, store


@contract("cell", "binding", {"three": {"roles": 3}})
def test_contract_in_other_forms(check):
    check()


@contract("cell", "binding")
def test_contract(check):
    check()


def test_the_product_of_two_vectors_by_hand():
    y, _ = Binding(4)(torch.tensor([[[2.0, 3.0, 5.0, 7.0]]]))
    assert y.tolist() == [[[10.0, 14.0, 15.0, 21.0]]]


def test_a_readout_of_stored_facts_answers_as_the_memory_does():
    draw = torch.Generator().manual_seed(0)
    facts = torch.randn(6, 3, 4, generator=draw, dtype=torch.float64)
    T = torch.zeros(1, 4, 4, 4, dtype=torch.float64)
    for fact in facts:
        T = store(T, [v[None] for v in fact])
    cues = torch.randn(2, 4, generator=draw, dtype=torch.float64)
    y, _ = Binding(8).double()(cues.flatten()[None, None])
    torch.testing.assert_close(y[0] @ T[0].flatten(0, 1), retrieve(T, [cues[:1], cues[1:], None]))


def test_inputs_that_are_no_equal_parts_are_refused():
    with pytest.raises(IncompatibleParts, match="cannot cut 5 inputs into roles = 2 equal parts"):
        Binding(5)

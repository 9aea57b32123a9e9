"""The checks of cells draw trees for a cell that reads them: always whole ones, whatever else they vary."""

from typing import ClassVar, NamedTuple

import pytest
import torch
from torch import nn

from recurra import Cell, Tags
from recurra_contract import Contract, checks

PLACES = 8


class TreeState(NamedTuple):
    nodes: torch.Tensor
    waiting: torch.Tensor


class ToyTree(Cell[TreeState]):
    """A leaf is tanh(W x + b), a node of two children tanh(U [c1, c2]); anything else is an error."""

    tags: ClassVar[Tags] = Tags(input_kind="trees")

    def __init__(self, input_size):
        super().__init__(input_size, 4)
        self.W = nn.Linear(input_size - 1, 4)
        self.U = nn.Linear(8, 4, bias=False)

    def initial_state(self, batch_size):
        waiting = torch.zeros(batch_size, dtype=torch.long, device=self.W.weight.device)
        return TreeState(self.zeros(batch_size, PLACES, 4), waiting)

    def merge(self, left, right):
        return torch.tanh(self.U(torch.cat([left, right], -1)))

    def step(self, x, state):
        arity = x[:, -1]
        if not (x.is_meta or torch.compiler.is_exporting()):
            assert bool(((arity == 0) & (state.waiting < PLACES) | (arity == 2) & (state.waiting >= 2)).all())
        place = state.waiting - arity.long()
        slots = torch.arange(PLACES, device=x.device)

        def at(where):
            return (state.nodes * (slots == where[:, None])[..., None]).sum(1)

        inner = self.merge(at(place), at(place + 1))
        node = torch.where(arity[:, None] > 0, inner, torch.tanh(self.W(x[:, :-1])))
        below, here = (slots < place[:, None])[..., None], (slots == place[:, None])[..., None]
        nodes = torch.where(here, node[:, None], torch.where(below, state.nodes, 0.0))
        return node, TreeState(nodes, place + 1)


class Childless(ToyTree):
    """Never reads its children."""

    def merge(self, left, right):
        return super().merge(left, right).detach()


class HalfAGradient(ToyTree):
    """The gradient of inner nodes is not exact."""

    def merge(self, left, right):
        node = super().merge(left, right)
        return 0.5 * node + 0.5 * node.detach()


class ReadsNoFeatures(ToyTree):
    def step(self, x, state):
        return super().step(torch.cat([0 * x[:, :-1], x[:, -1:]], -1), state)


class OtherMerges(ToyTree):
    """A sequence merges the other way round than its steps."""

    def unroll(self, x, state, *, lengths=None, **how):
        merge = self.merge
        self.merge = lambda left, right: merge(right, left)
        try:
            return super().unroll(x, state, lengths=lengths, **how)
        finally:
            del self.merge


def contract(cell):
    return Contract("cell", lambda input_size=3: cell(input_size))


def test_an_honest_cell_passes_everything():
    found = list(contract(ToyTree).run())
    assert [r for r in found if r.status != "passed"] == []
    assert len(found) == len(checks("cell"))


@pytest.mark.parametrize(
    ("mutant", "name"),
    [
        (Childless, "check_every_parameter_learns"),
        (HalfAGradient, "check_exact_gradient"),
        (ReadsNoFeatures, "check_input_matters"),
        (OtherMerges, "check_forward_equals_steps"),
    ],
)
def test_a_check_kills_its_mutant_among_trees(mutant, name):
    (check,) = (check for check in contract(mutant).checks() if check.name == name)
    assert check.result().status == "failed"

"""Wrappers around a cell with a memory, whose weightings are distributions and whose start it may learn."""

import pytest
import torch
from torch import nn

from recurra.errors import IncompatibleParts
from recurra.memory import MemoryCell
from recurra_contract import ToyCell, ToyMemory
from recurra_wrappers import LearnedInitialState, Zoneout


def test_a_mixed_weighting_is_a_distribution_in_evaluation_only():
    torch.manual_seed(0)
    cell = Zoneout(MemoryCell(ToyCell(5), ToyMemory()), p=0.5)
    x = torch.randn(20, 3, 3)
    sums = {mode: cell.train(mode)(x)[1].memory.w.sum(-1) for mode in (True, False)}
    torch.testing.assert_close(sums[False], torch.ones(20))
    assert not torch.allclose(sums[True], torch.ones(20))  # why the docstring says `only`
    named = Zoneout(MemoryCell(ToyCell(5), ToyMemory()), p=0.5, only=("controller", "memory.M")).train()
    torch.testing.assert_close(named(x)[1].memory.w.sum(-1), torch.ones(20))


def test_what_a_cell_learns_already_stays_its_own():
    cell = LearnedInitialState(MemoryCell(ToyCell(5), ToyMemory()))
    assert sorted(cell.names) == ["controller.h", "memory.w", "r"]  # and not memory.M
    start = cell.initial_state(2)
    assert torch.equal(start.memory.M[1], cell.cell.memory.M_0)
    with pytest.raises(IncompatibleParts, match=r"^LearnedInitialState: MemoryCell learns memory.M already$"):
        LearnedInitialState(MemoryCell(ToyCell(5), ToyMemory()), only=("memory.M",))


def test_a_learned_start_is_found_again_by_its_weights():
    cell, other = LearnedInitialState(ToyCell(2)), LearnedInitialState(ToyCell(2))
    with torch.no_grad():
        cell.starts[0].copy_(torch.tensor([1.0, 2, 3, 4]))
    other.load_state_dict(cell.state_dict())
    assert other.initial_state(2).h.tolist() == [[1, 2, 3, 4]] * 2
    assert isinstance(cell.starts, nn.ParameterList)

"""The whole machine: its order of steps, its contract, a program for copying in its weights."""

import pytest
import torch

from recurra import IncompatibleParts, InvalidOption, Ref, Tags
from recurra_contract import ToyTask, contract
from recurra_evolving_ntm.machine import EvolvingNTM
from recurra_lab import Model

FORMS = {
    "recurrent": {
        "output_size": 3,
        "network": Ref("cell", "neat-network", hidden_size=2, connections="recurrent"),
        "memory": Ref("memory", "evolving-ntm", width=2, capacity=4, tape="finite"),
    }
}


@contract("cell", "evolving-ntm")
def test_contract(check):
    check()


@contract("cell", "evolving-ntm", FORMS)
def test_contract_in_other_forms(check):
    check()


def test_network_and_memory_are_stepped_in_this_order():
    torch.manual_seed(0)
    cell = EvolvingNTM(3, output_size=2, memory={"name": "evolving-ntm", "width": 4, "capacity": 9}).double()
    assert cell.tags == Tags(differentiable=False)
    x = torch.randn(5, 7, 3, dtype=torch.float64)
    y, final = cell(x)
    network, memory = cell.controller.initial_state(5), cell.memory.initial_state(5)
    r = torch.zeros(5, 4, dtype=torch.float64)
    for t in range(7):
        out, network = cell.controller.step(torch.cat([x[:, t], r], -1), network)
        r, memory = cell.memory.step(out[:, 2:], memory)
        torch.testing.assert_close(y[:, t], out[:, :2])
    torch.testing.assert_close(final.memory.M, memory.M)
    assert torch.equal(final.memory.head, memory.head)


BITS = 2
START, END = 0, 1  # channels of x, before the bits
MARK, FILLED = BITS, BITS + 1  # numbers of a cell, beside the bits
WIDTH = BITS + 2
SURE = 10.0


def copier():
    """Return a machine without hidden nodes that copies; every weight lies in what evolution may use."""
    memory = {"name": "evolving-ntm", "width": WIDTH, "capacity": 64}
    cell = EvolvingNTM(
        2 + BITS, output_size=BITS, network={"name": "neat-network", "hidden_size": 0}, memory=memory
    )
    w, x, read = torch.zeros_like(cell.controller.w), 1, 3 + BITS  # columns: bias, x, then what was read
    vector, interpolate, jump, _, stay, right = BITS, *range(BITS + WIDTH, BITS + WIDTH + 5)
    for bit in range(BITS):
        w[bit, [0, read + bit]] = torch.tensor([-SURE / 2, SURE])  # the answer is what was read
        w[vector + bit, [0, x + 2 + bit]] = torch.tensor([-SURE / 2, SURE])  # bits are written
    w[vector + MARK, [0, x + START, x + END]] = torch.tensor([-SURE / 2, SURE, SURE])
    w[vector + FILLED, [0, x + START, x + END]] = torch.tensor([SURE / 2, -SURE, -SURE])
    # Written until the end, and never on a cell that is filled already.
    w[interpolate, [0, x + END, read + MARK, read + FILLED]] = torch.tensor([SURE / 2, -SURE, -SURE, -SURE])
    w[jump, [0, x + END]] = torch.tensor([-SURE / 2, SURE])  # to the mark
    w[stay, x + END], w[right, 0] = SURE, SURE / 2
    with torch.no_grad():
        cell.controller.w.copy_(w)
    return cell


@pytest.mark.parametrize("length", [1, 10, 50])
@torch.no_grad()
def test_weights_that_copy_exist(length):
    from recurra_t_maze.copying import ENTMCopy

    task = ENTMCopy(bits=BITS, shortest=length, longest=length)
    batch = task.sample(32, torch.Generator().manual_seed(length))
    scores = task.scores(copier()(batch.x)[0], batch)
    assert scores["fitness"].value > 0.999
    assert scores["wrong_share"].value == 0.0


def test_mistakes_are_told():
    with pytest.raises(IncompatibleParts, match="network 'elman' has no option output_size"):
        EvolvingNTM(3, network="elman")
    with pytest.raises(IncompatibleParts, match=r"choose cell\.output_size=3 or model\.readout=linear"):
        Model(ToyTask(), Ref("cell", "evolving-ntm"), readout="none")
    with pytest.raises(InvalidOption, match="output_size"):
        EvolvingNTM(3, output_size=0)

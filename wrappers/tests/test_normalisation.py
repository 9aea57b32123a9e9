"""Layer normalisation of outputs, of states and inside a cell, against numbers by hand and torch's own."""

from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.nn.functional import layer_norm, linear

from recurra.cell import Cell
from recurra.errors import IncompatibleParts
from recurra.memory import MemoryCell
from recurra_contract import ToyCell, ToyMemory
from recurra_wrappers import LayerNormalised, NormalisedLinears
from recurra_wrappers.normalisation import NormalisedLinear, normalised


class GateState(NamedTuple):
    h: torch.Tensor
    c: torch.Tensor


class Gated(Cell[GateState]):
    """c' = σ(f) c + tanh(g), h' = σ(o) c', with [f, g, o] = W x + b + U h; y = h'."""

    def __init__(self, input_size, *, hidden_size: int = 3, sliced: bool = False):
        super().__init__(input_size, hidden_size)
        self.from_x = nn.Linear(input_size, 3 * hidden_size)
        self.from_h = nn.Linear(hidden_size, 3 * hidden_size, bias=False)
        self.sliced = sliced

    def initial_state(self, batch_size):
        return GateState(self.zeros(batch_size, self.output_size), self.zeros(batch_size, self.output_size))

    def step(self, x, state):
        U_h = linear(state.h, self.from_h.weight) if self.sliced else self.from_h(state.h)
        f, g, o = (self.from_x(x) + U_h).chunk(3, -1)
        c = torch.sigmoid(f) * state.c + torch.tanh(g)
        h = torch.sigmoid(o) * c
        return h, GateState(h, c)


class Single(Cell[tuple]):
    def __init__(self, input_size, *, inner: bool = False):
        super().__init__(input_size, 1)
        self.W = nn.Linear(input_size, 1)
        self.V = nn.Linear(input_size, 4) if inner else None

    def initial_state(self, batch_size):
        return (self.zeros(batch_size),)

    def step(self, x, state):
        y = self.W(x) if self.V is None else self.W(x) + self.V(x).sum(-1, keepdim=True)
        return y, (state[0] + y[:, 0],)


def drawn(*sizes):
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def randomised(cell):
    torch.manual_seed(0)
    for p in cell.double().parameters():
        nn.init.normal_(p)
    return cell


def test_normalising_by_hand_and_as_torch_does():
    # mean 2, variance 2/3: (1 - 2) / sqrt(2/3 + 1e-5)
    expected = -((2 / 3 + 1e-5) ** -0.5)
    v = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    torch.testing.assert_close(normalised(v), torch.tensor([[expected, 0.0, -expected]]).double())
    assert torch.equal(normalised(100 * drawn(4, 6)), layer_norm(100 * drawn(4, 6), (6,)))


@pytest.mark.parametrize("size", [1e18, 1e20, 1e30])
def test_normalising_huge_numbers_gives_what_smaller_ones_give(size):
    v = drawn(4, 6).float()
    huge = (v * size).requires_grad_()
    y = normalised(huge)
    torch.testing.assert_close(y, normalised(v * 1e3), rtol=1e-4, atol=1e-4)
    y[0, 0].backward()
    assert huge.grad.isfinite().all()


def test_outputs_are_normalised_and_the_state_is_not():
    cell, x = randomised(LayerNormalised(Gated(2))), drawn(4, 5, 2)
    y, state = cell(x)
    raw, expected = cell.cell(x)
    gain, shift = cell.outputs.gain, cell.outputs.shift
    torch.testing.assert_close(y, layer_norm(raw, (3,), gain, shift), rtol=0, atol=1e-12)
    assert torch.equal(state.h, expected.h)
    assert sum(p.numel() for p in cell.outputs.parameters()) == 2 * 3


def test_states_are_normalised_at_every_step_and_y_with_them():
    cell, x = randomised(LayerNormalised(Gated(2), outputs=False, states=True, only=("h",))), drawn(4, 2, 2)
    y, state = cell(x)
    (norm,) = cell.states
    h_1, after = cell.cell.step(x[:, 0], cell.cell.initial_state(4))
    h_1 = layer_norm(h_1, (3,), norm.gain, norm.shift)
    h_2, after = cell.cell.step(x[:, 1], GateState(h_1, after.c))
    h_2 = layer_norm(h_2, (3,), norm.gain, norm.shift)
    torch.testing.assert_close(y, torch.stack([h_1, h_2], 1), rtol=0, atol=1e-12)
    torch.testing.assert_close(state.h, h_2, rtol=0, atol=1e-12)
    torch.testing.assert_close(state.c, after.c, rtol=0, atol=1e-12)


def test_every_tensor_of_a_nested_state_is_normalised_along_its_last_axis():
    cell = LayerNormalised(MemoryCell(ToyCell(5), ToyMemory()), outputs=False, states=True)
    assert cell.names == ("controller.h", "memory.M", "memory.w", "r")
    _, state = cell(torch.randn(2, 3, 3))
    for tensor in (state.controller.h, state.memory.M, state.memory.w, state.r):
        torch.testing.assert_close(tensor.mean(-1), torch.zeros_like(tensor.mean(-1)), rtol=0, atol=1e-5)


def test_products_inside_a_cell_are_normalised_one_by_one():
    cell = Gated(2)
    W, b, U = cell.from_x.weight, cell.from_x.bias, cell.from_h.weight
    wrapped = randomised(NormalisedLinears(cell))
    x, h, c = drawn(4, 2), drawn(4, 3), drawn(4, 3) + 1
    y, state = wrapped.step(x, GateState(h, c))
    gain_x, gain_h = cell.from_x.gain, cell.from_h.gain
    net = layer_norm(x @ W.T, (9,), gain_x) + b + layer_norm(h @ U.T, (9,), gain_h)  # Ba et al., (20)
    f, g, o = net.chunk(3, -1)
    c = torch.sigmoid(f) * c + torch.tanh(g)
    torch.testing.assert_close(state.c, c, rtol=0, atol=1e-12)
    torch.testing.assert_close(y, torch.sigmoid(o) * c, rtol=0, atol=1e-12)
    assert sum(p.numel() for p in wrapped.parameters()) == 9 * (2 + 3 + 1) + 2 * 9


def test_layers_inside_keep_their_weights_and_draw_nothing():
    cell = Gated(2)
    weights = cell.from_x.weight.clone()
    before = torch.get_rng_state()
    wrapped = NormalisedLinears(cell)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(wrapped.cell.from_x.weight, weights)
    assert wrapped.training
    assert isinstance(cell.from_h, NormalisedLinear)
    assert (cell.from_h.bias is None, torch.equal(cell.from_h.gain, torch.ones(9))) == (True, True)


def test_weights_that_are_used_without_the_layer_are_refused():
    cell = Gated(2, sliced=True)
    told = "^NormalisedLinears: Gated uses the weights of from_h without calling the layer, so its products "
    with pytest.raises(IncompatibleParts, match=told):
        NormalisedLinears(cell)
    assert type(cell.from_x) is nn.Linear
    assert cell.training
    assert not cell.from_x._forward_hooks


def test_single_numbers_are_not_normalised():
    with pytest.raises(IncompatibleParts, match=r"^NormalisedLinears: Single has no nn.Linear to normalise$"):
        NormalisedLinears(Single(2))
    cell = NormalisedLinears(Single(2, inner=True)).cell
    assert (type(cell.W), type(cell.V)) == (nn.Linear, NormalisedLinear)
    with pytest.raises(IncompatibleParts, match=r"^LayerNormalised: the output is a single number"):
        LayerNormalised(Single(2))
    with pytest.raises(IncompatibleParts, match=r"^LayerNormalised: '0' is a single number"):
        LayerNormalised(Single(2), outputs=False, states=True)

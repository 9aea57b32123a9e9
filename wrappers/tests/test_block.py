"""The residual block, compared with a network that is assembled by hand from torch's own modules."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn.functional import conv1d, gelu, silu

from recurra import IncompatibleParts, InvalidOption, Tags, leaves, using
from recurra_contract import Identity, ToyCell
from recurra_engine.explain import explained
from recurra_wrappers import Block, Stacked

NORMS = {"layer": nn.LayerNorm, "rms": nn.RMSNorm, "none": None}


def torch_norm(block_norm, kind, size):
    """torch's own normalisation with the gain, and the shift, of a block's."""
    if kind == "none":
        return nn.Identity()
    norm = NORMS[kind](size, eps=1e-5).double()
    norm.weight.data.copy_(block_norm.gain)
    if kind == "layer":
        norm.bias.data.copy_(block_norm.shift)
    return norm


def by_hand(block, x, options):
    """Run a block over whole sequences x (B, T, I) by torch's modules: norm, convolution, cell, gate, F."""
    kind, k = options.get("norm", "layer"), options.get("convolution", 0)
    x = x @ block.enter.weight.T if isinstance(block.enter, nn.Linear) else x
    u = torch_norm(block.norm, kind, x.shape[-1])(x)
    v = u @ block.up.weight.T if isinstance(block.up, nn.Linear) else u
    if k:
        kernel = block.convolution.weight.T[:, None]  # (D, 1, k)
        padded = nn.functional.pad(v.transpose(1, 2), (k - 1, 0))
        v = silu(conv1d(padded, kernel, block.convolution.bias, groups=v.shape[-1])).transpose(1, 2)
    c, _ = block.cell(v)
    if options.get("gate"):
        c = c * silu(u @ block.gate.weight.T)
    a = c @ block.out.weight.T if isinstance(block.out, nn.Linear) else c
    residual = options.get("residual", True)
    a = x + a if residual else a
    if options.get("feed_forward", "none") == "none":
        return a
    part = block.feed_forward
    u = torch_norm(part.norm, kind, a.shape[-1])(a)
    hidden = u @ part.hidden.weight.T
    mlp = options["feed_forward"] == "mlp"
    f = (gelu(hidden) if mlp else silu(hidden) * (u @ part.linear.weight.T)) @ part.out.weight.T
    return a + f if residual else f


def made(cell_size=4, input_size=None, **options):
    torch.manual_seed(0)
    block = Block(ToyCell(cell_size, hidden_size=5), input_size, **options).double()
    for parameter in block.parameters():  # gains and shifts too, which start as ones and zeros
        parameter.data += 0.3 * torch.randn_like(parameter)
    return block


WHOLE = {"norm": "rms", "convolution": 4, "gate": True, "feed_forward": "glu"}
CASES = [
    *({"norm": norm, "feed_forward": f} for norm, f in itertools.product(NORMS, ("none", "mlp", "glu"))),
    {"convolution": 2},
    {"gate": True},
    {"residual": False, "convolution": 3, "gate": True},
    {"residual": False, "feed_forward": "mlp"},
    {"input_size": 3, "width": 6, **WHOLE},
    {"input_size": 3, **WHOLE},
    {"width": 2, "residual": False, **WHOLE},
]


@pytest.mark.parametrize("options", CASES, ids=str)
@pytest.mark.parametrize("level", ["loop", "scan"])
def test_a_block_is_the_modules_of_torch(options, level):
    block = made(**options)
    x = torch.randn(3, 7, block.input_size, dtype=torch.float64)
    with using(level):
        y, _ = block(x)
    torch.testing.assert_close(y, by_hand(block, x, options), rtol=0, atol=1e-12)


def test_a_normalised_output():
    block, same = made(**WHOLE, norm_output=True), made(**WHOLE)
    same.load_state_dict({k: v for k, v in block.state_dict().items() if "norm_output" not in k})
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    expected = torch_norm(block.norm_output, "rms", 4)(same(x)[0])
    torch.testing.assert_close(block(x)[0], expected, rtol=0, atol=1e-12)


def test_two_steps_of_a_convolution_by_hand():
    block = Block(Identity(1), norm="none", convolution=2, residual=False).double()
    block.convolution.weight.data.copy_(torch.tensor([[2.0], [3.0]]))
    block.convolution.bias.data.fill_(-1.0)
    y, state = block(torch.tensor([[[1.0], [-2.0]]]).double())
    # b + 2 u_{t-1} + 3 u_t: -1 + 0 + 3 = 2, then -1 + 2 - 6 = -5; silu(v) = v / (1 + exp(-v))
    assert y.flatten().tolist() == pytest.approx([1.7615941559557646, -0.033464254621424276], abs=1e-12)
    assert state.window.tolist() == [[[-2.0]]]


def test_cuts_lengths_and_resets_reach_the_window():
    block = made(**WHOLE)
    x, lengths = torch.randn(2, 9, 4, dtype=torch.float64), torch.tensor([9, 4])
    y, end = block(x, lengths=lengths)
    first, state = block(x[:, :3])
    rest, cut_end = block(x[:, 3:], state, lengths=lengths - 3)
    torch.testing.assert_close(torch.cat([first, rest], 1), y, rtol=0, atol=1e-13)
    for (_, a), (_, b) in zip(leaves(cut_end), leaves(end), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)
    resets = torch.zeros(2, 9, dtype=torch.bool)
    resets[:, 5] = True
    anew = block(x, resets=resets)[0]
    torch.testing.assert_close(anew[:, 5:], block(x[:, 5:])[0], rtol=0, atol=1e-13)


def count(widths, norm=0, steps=0, hidden=0, gate=False, matrices=0, final=False):
    """The formula of the docstring, with `norm` numbers for each normalisation and `matrices` in F."""
    i, d, read, put_out = widths  # I, d, D and O
    norms = norm * d * (1 + (matrices > 0) + final)
    outer = d * i * (d != i) + read * d * (read != d)
    inner = put_out * d * gate + d * put_out * (gate or d != put_out)
    return norms + outer + inner + (steps + 1) * read * (steps > 0) + matrices * hidden * d


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, count((4, 4, 4, 5), norm=2)),
        (
            {"input_size": 3, "width": 6, **WHOLE},
            count((3, 6, 4, 5), norm=1, steps=4, hidden=12, gate=True, matrices=3),
        ),
        (
            {"norm": "none", "feed_forward": "mlp", "expansion": 1.6, "norm_output": True},
            count((4, 4, 4, 5), hidden=6, matrices=2, final=True),
        ),
        (
            {"feed_forward": "glu", "norm_output": True},
            count((4, 4, 4, 5), norm=2, hidden=8, matrices=3, final=True),
        ),
    ],
)
def test_the_number_of_parameters(options, expected):
    block = made(**options)
    own = sum(p.numel() for p in block.parameters()) - sum(p.numel() for p in block.cell.parameters())
    assert own == expected


def test_without_residual_and_feed_forward_the_output_is_the_cell_s():
    assert made(residual=False).output_size == 5
    assert made(residual=False, feed_forward="mlp").output_size == made().output_size == 4


def test_losses_and_diagnostics_are_those_of_the_cell():
    class Costly(ToyCell):
        def auxiliary_loss(self, state):
            return state.h.sum(-1)

        def diagnostics(self, state):
            return {"h": state.h}

    block = Block(Costly(3), convolution=2)
    _, state = block(torch.randn(2, 4, 3))
    assert torch.equal(block.auxiliary_loss(state), state.cell.h.sum(-1))
    assert torch.equal(block.diagnostics(state)["h"], state.cell.h)


@pytest.mark.slow
def test_a_block_is_compiled():
    block = made(**WHOLE)
    x = torch.randn(3, 7, 4, dtype=torch.float64)
    with using("native"):
        assert explained(block)["level"] == "native"
        torch.testing.assert_close(block(x)[0], by_hand(block, x, WHOLE), rtol=0, atol=1e-12)


class Trees(ToyCell):
    tags = Tags(input_kind="trees")


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: Block(Trees(3)), IncompatibleParts, "Block: Trees reads trees, .* choose a cell that reads"),
        (
            lambda: Block(ToyCell(3), width=1),
            IncompatibleParts,
            "Block: a single feature would be normalised",
        ),
        (
            lambda: Block(ToyCell(3), convolution=1),
            InvalidOption,
            "convolution = 1 sees no earlier step; cho",
        ),
        (lambda: Block(ToyCell(3), norm="batch"), InvalidOption, "norm"),
        (lambda: Block(Stacked), IncompatibleParts, "expected a cell"),
    ],
)
def test_impossible_blocks_are_refused(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


def test_a_cell_that_reads_the_elapsed_time_is_refused():
    cell = ToyCell(3)
    cell.timed = True
    with pytest.raises(IncompatibleParts, match="reads the elapsed time in the last channel of its input"):
        Block(cell)

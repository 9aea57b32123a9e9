"""LSTM and GRU equal torch's own with the same weights: outputs, final states and all gradients.

Stacks and both directions are included, over whole, padded and packed sequences.
"""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recurra import leaves, map_state
from recurra_gru.cell import GRU
from recurra_lstm.cell import LSTM
from recurra_wrappers import Bidirectional, Layers, Stacked

B, T, INPUTS, HIDDEN = 5, 7, 3, 4
LENGTHS = torch.tensor([5, 2, 7, 7, 1])
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}
KINDS = {"lstm": (torch.nn.LSTM, LSTM), "gru": (torch.nn.GRU, GRU)}
BOTH_WAYS = ("", "_reverse")


def suffixes(theirs):
    """The endings of torch's parameter names, in the order of our cells."""
    ways = BOTH_WAYS if theirs.bidirectional else BOTH_WAYS[:1]
    return [f"l{layer}{way}" for layer in range(theirs.num_layers) for way in ways]


def shared(ours, theirs, suffix):
    """Pairs of one of our tensors and what equals it: W, U, and the biases that torch keeps twice."""
    W, U, b, c = (
        getattr(theirs, f"{name}_{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    if isinstance(ours, LSTM):
        return {"W": (ours.from_x.weight, W), "U": (ours.from_h.weight, U), "b": (ours.from_x.bias, b + c)}
    split = 2 * HIDDEN
    b_x = torch.cat([(b + c)[:split], b[split:]])
    return {
        "W": (ours.from_x.weight, W),
        "U": (ours.from_h.weight, U),
        "b": (ours.from_x.bias, b_x),
        "b_n": (ours.reset_bias, c[split:]),
    }


def bias_gradients(ours, theirs, suffix):
    """Pairs of a gradient of ours and one of torch's, which the sums in `shared` do not give."""
    b, c = (getattr(theirs, f"bias_{name}_{suffix}").grad for name in ("ih", "hh"))
    if isinstance(ours, LSTM):
        return {"b_ih": (ours.from_x.bias.grad, b), "b_hh": (ours.from_x.bias.grad, c)}
    ours_c = torch.cat([ours.from_x.bias.grad[: 2 * HIDDEN], ours.reset_bias.grad])
    return {"b_ih": (ours.from_x.bias.grad, b), "b_hh": (ours_c, c)}


def rebuilt(theirs, kind):
    """Our sequencer with the structure and weights of torch's module, and its cells in torch's order."""
    width, layers, cells = INPUTS, [], []
    for _ in range(theirs.num_layers):
        pair = [kind(width, hidden_size=HIDDEN) for _ in range(1 + theirs.bidirectional)]
        layers.append(Bidirectional(*pair) if theirs.bidirectional else pair[0])
        width = layers[-1].output_size
        cells += pair
    ours = (Layers if theirs.bidirectional else Stacked)(layers) if len(layers) > 1 else layers[0]
    ours.to(theirs.weight_ih_l0.dtype)
    with torch.no_grad():
        for cell, suffix in zip(cells, suffixes(theirs), strict=True):
            for to, given in shared(cell, theirs, suffix).values():
                to.copy_(given)
    return ours, cells


def run_theirs(theirs, x, start, how):
    """Outputs (padded, or packed data), and the final h (and c) of each layer and direction."""
    start = start[0] if isinstance(theirs, torch.nn.GRU) else tuple(start)
    if how == "whole":
        y, last = theirs(x, start)
        return y, (last if isinstance(last, tuple) else (last,))
    packed, last = theirs(pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False), start)
    y = packed.data if how == "packed" else pad_packed_sequence(packed, batch_first=True)[0]
    return y, (last if isinstance(last, tuple) else (last,))


def run_ours(ours, x, start, how):
    parts = iter(
        [part for each in zip(*start, strict=True) for part in each]
    )  # h (and c) of each cell in turn
    state = map_state(lambda _: next(parts), ours.initial_state(B))
    if how == "packed":
        packed, last = ours(pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False), state)
        y = packed.data
    elif how == "padded":
        live = torch.arange(T) < LENGTHS[:, None]
        y, last = ours(torch.where(live[..., None], x, torch.nan), state, lengths=LENGTHS)
    else:
        y, last = ours(x, state)
    flat = [leaf for _, leaf in leaves(last)]
    return y, tuple(torch.stack(flat[n :: len(start)]) for n in range(len(start)))


def close(got, expected, name):
    """Equal to the tolerance of the dtype, relative to the largest number of the tensor or to one."""
    limit = TOLERANCE[got.dtype] * max(1.0, expected.abs().max().item())
    torch.testing.assert_close(got, expected, rtol=0, atol=limit, msg=lambda text: f"{name}: {text}")


def weighted(y, last):
    rng = torch.Generator().manual_seed(1)
    return sum((t * torch.randn(t.shape, generator=rng, dtype=t.dtype)).sum() for t in (y, *last))


def leaf_copies(*tensors):
    return [t.clone().requires_grad_() for t in tensors]


@pytest.mark.parametrize("how", ["whole", "padded", "packed"])
@pytest.mark.parametrize(("layers", "both_ways"), [(1, False), (3, False), (1, True), (2, True)])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", KINDS)
def test_equals_torch(name, dtype, layers, both_ways, how):
    torch.manual_seed(0)
    torch_kind, our_kind = KINDS[name]
    theirs = torch_kind(INPUTS, HIDDEN, layers, batch_first=True, bidirectional=both_ways, dtype=dtype)
    ours, cells = rebuilt(theirs, our_kind)
    x = torch.randn(B, T, INPUTS, dtype=dtype)
    start = torch.randn(2 if name == "lstm" else 1, len(cells), B, HIDDEN, dtype=dtype)

    x_theirs, x_ours, start_theirs, start_ours = leaf_copies(x, x, start, start)
    y_theirs, last_theirs = run_theirs(theirs, x_theirs, start_theirs, how)
    y_ours, last_ours = run_ours(ours, x_ours, start_ours, how)
    close(y_ours, y_theirs, "outputs")
    for n, pair in enumerate(zip(last_ours, last_theirs, strict=True)):
        close(*pair, f"final state {n}")

    weighted(y_theirs, last_theirs).backward()
    weighted(y_ours, last_ours).backward()
    close(x_ours.grad, x_theirs.grad, "gradient of x")
    close(start_ours.grad, start_theirs.grad, "gradient of the initial state")
    for cell, suffix in zip(cells, suffixes(theirs), strict=True):
        pairs = shared(cell, theirs, suffix)
        gradients = {key: (pairs[key][0].grad, pairs[key][1].grad) for key in ("W", "U")}
        for key, pair in {**gradients, **bias_gradients(cell, theirs, suffix)}.items():
            close(*pair, f"gradient of {key} of {suffix}")

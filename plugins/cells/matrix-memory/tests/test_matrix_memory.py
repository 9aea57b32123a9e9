"""Each member by hand, the layer around it against its equation, published sizes and refusals."""

import math
import re
from pathlib import Path

import pytest
import torch

from recurra import InvalidOption, MemoryCell, Ref, leaves
from recurra.config.options import keyword_options
from recurra_contract import ToyCell
from recurra_matrix_memory.decayed import GLACell, GLAMemory, RetentionCell, RetentionMemory
from recurra_matrix_memory.delta import (
    DeltaCell,
    DeltaMemory,
    DeltaProductCell,
    DeltaProductMemory,
    GatedDeltaCell,
    GatedDeltaMemory,
)
from recurra_matrix_memory.fast_weights import FastWeightsCell, FastWeightsMemory
from recurra_matrix_memory.linear_attention import LinearAttentionCell, LinearAttentionMemory
from recurra_matrix_memory.rwkv7 import RWKV7Cell, RWKV7Memory

LN3 = math.log(3)  # σ(ln 3) = 3/4
SURE = 1e3  # σ(SURE) = 1 and σ(-SURE) = 0; swish(SURE) = SURE; a key this long has length one within 1e-12
CELLS = {
    "linear-attention": LinearAttentionCell,
    "retention": RetentionCell,
    "gla": GLACell,
    "delta": DeltaCell,
    "gated-delta": GatedDeltaCell,
    "delta-product": DeltaProductCell,
    "rwkv-7": RWKV7Cell,
    "fast-weights": FastWeightsCell,
}


def reads(memory, *interfaces):
    """What a memory in float64 reads at each step, for a batch of one."""
    r, _ = memory.double()(torch.tensor([interfaces], dtype=torch.float64))
    return r[0]


def close(got, *expected, tolerance=1e-9):
    expected = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(got, expected, rtol=0, atol=tolerance)


def test_linear_attention_averages_values_by_hand():
    """φ(0) = 1 and φ(1) = 2, so 3 and 6 are weighted 1 : 2."""
    memory = LinearAttentionMemory(heads=1, key_size=1, value_size=1)
    close(reads(memory, (1.0, 0.0, 3.0), (1.0, 1.0, 6.0)), [3.0], [5.0], tolerance=1e-5)


def test_retention_decays_and_turns_by_hand():
    """After one step the key (1, 0) of age one is (cos 1, −sin 1), and γ is 31/32."""
    memory = RetentionMemory(heads=1, key_size=2, value_size=1)
    r = reads(memory, (1.0, 0.0, 2**0.5, 0.0, 2.0), (0.0, 1.0, 0.0, 0.0, 0.0))
    close(r, [2.0], [-2 * 31 / 32 * 0.8414709848078965], tolerance=1e-6)


def test_gla_decays_by_hand():
    """α = σ(0)^(1/2) = √½."""
    memory = GLAMemory(heads=1, key_size=1, value_size=1, temperature=2.0)
    r = reads(memory, (1.0, 2.0, 3.0, 0.0), (1.0, 0.0, 0.0, 0.0))
    close(r, [6.0], [4.242640687119286])


DELTA_STEPS = [(SURE, 0.0, SURE, 0.0, 50.0, 40.0, 0.0), (SURE, 0.0, SURE, SURE, 60.0, -80.0, LN3)]


def test_delta_replaces_what_it_holds_by_hand():
    """β = 1/2 of (50, 40) under e1; then 3/4 of the error under (e1 + e2)/√2, read under e1.

    swish(−80) is zero. S k = (25, 20)/√2; the error (60, 0) − S k, times 3/4 and 1/√2, is added.
    """
    memory = DeltaMemory(heads=1, key_size=2, value_size=2)
    r = reads(memory, *DELTA_STEPS)
    added = [0.75 * (60 / 2**0.5 - 12.5), 0.75 * -10.0]
    close(r, [25.0, 20.0], [25 + added[0], 20 + added[1]], tolerance=1e-7)


def test_gated_delta_decays_first_by_hand():
    """With e^A = 1, c = 0 and a = 0 the decay is e^−ln 2 = 1/2: S k = (12.5, 10)/√2."""
    memory = GatedDeltaMemory(heads=1, key_size=2, value_size=2)
    for p in memory.parameters():
        torch.nn.init.zeros_(p)
    r = reads(memory, *((*step, 0.0) for step in DELTA_STEPS))
    added = [0.75 * (60 / 2**0.5 - 6.25), 0.75 * -5.0]
    close(r, [25.0, 20.0], [12.5 + added[0], 10 + added[1]], tolerance=1e-7)


def test_a_delta_product_rotates_by_hand():
    """Reflections along e1 and (e1 + e2)/√2 turn the row (a, b) into (−b, a)."""
    memory = DeltaProductMemory(heads=1, key_size=2, value_size=1)
    e1, e2, both = (SURE, 0.0), (0.0, SURE), (SURE, SURE)
    # The first rule stores 2 · 50 under e1; the second has β = 0.
    store = (*e1, *e1, *e1, 50.0, 0.0, SURE, -SURE)
    turn = (*e1, *both, 0.0, 0.0, SURE, SURE)
    r = reads(memory, store, (*e2, *turn), (*e1, *turn))
    close(r, [100.0], [100.0], [-100.0], tolerance=1e-6)


def test_rwkv_7_replaces_by_hand():
    """w = 1 and a = 1: S loses what it holds under e1, 6, and gets 5 under 2 e1."""
    memory = RWKV7Memory(heads=1, head_size=2)
    keep = (-SURE, -SURE)
    first = (1.0, 0.0, *keep, 3.0, 0.0, 2.0, 0.0, SURE, SURE)
    second = (1.0, 0.0, *keep, 2.0, 0.0, 5.0, 1.0, SURE, SURE)
    close(reads(memory, first, second), [6.0, 0.0], [10.0, 2.0], tolerance=1e-5)


def test_fast_weights_attend_by_hand():
    """z = (1, −1) is normalised to ±1, up to the epsilon: h = (1, 0) and A = ½ h hᵀ."""
    memory = FastWeightsMemory(size=2)
    _, state = memory.double()(torch.tensor([[[1.0, -1.0]]], dtype=torch.float64))
    close(state.A[0], [0.5, 0.0], [0.0, 0.0], tolerance=1e-5)
    memory.norm.weight.data.fill_(2.0)
    # Of z = (0, 2): A h_0 = 0, and the norm is (−1, 1): h = (0, 2).
    r, state = memory.step(torch.tensor([[0.0, 2.0]], dtype=torch.float64), state)
    close(r[0], 0.0, 2.0, tolerance=2e-5)
    close(state.A[0], [0.475, 0.0], [0.0, 2.0], tolerance=4e-5)


@pytest.mark.parametrize("norm", ["none", "rms", "layer"])
def test_the_layer_equals_its_equation(norm):
    """y = W_o (norm(r) ∘ swish(W_g x + b_g)), head by head."""
    torch.manual_seed(0)
    cell = DeltaCell(3, hidden_size=5, heads=2, key_size=3, value_size=4, norm=norm, gate=True)
    cell = cell.double()
    for p in cell.parameters():
        torch.nn.init.normal_(p)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    r, _ = cell.memory(x @ cell.interface.weight.T + cell.interface.bias)
    heads = []
    for head, r_h in enumerate(r.chunk(2, -1)):
        own = slice(4 * head, 4 * head + 4)
        centred = r_h - r_h.mean(-1, keepdim=True) if norm == "layer" else r_h
        if norm != "none":
            size = ((centred**2).mean(-1, keepdim=True) + 1e-5) ** 0.5
            r_h = cell.norm.gain[own] * centred / size
        heads.append(r_h + cell.norm.bias[own] if norm == "layer" else r_h)
    g = x @ cell.gate.weight.T + cell.gate.bias
    expected = (torch.cat(heads, -1) * g / (1 + torch.exp(-g))) @ cell.output.weight.T
    torch.testing.assert_close(cell(x)[0], expected, rtol=1e-11, atol=1e-12)


def test_rwkv_7_equals_its_equations():
    torch.manual_seed(0)
    cell = RWKV7Cell(3, hidden_size=5, heads=2, head_size=4, rank=2).double()
    for p in cell.parameters():
        torch.nn.init.normal_(p, std=0.5)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    shifted = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
    x_r, x_w, x_k, x_v, x_a, x_g = (x + mu * (shifted - x) for mu in cell.mu)
    w, a = cell.from_w, cell.from_a
    raw_w = torch.tanh(x_w @ w.down.weight.T) @ w.up.weight.T + w.up.bias
    raw_a = x_a @ a.down.weight.T @ a.up.weight.T + a.up.bias
    r, k, v = (
        of @ W.weight.T + W.bias for of, W in ((x_r, cell.from_r), (x_k, cell.from_k), (x_v, cell.from_v))
    )
    read, _ = cell.memory(torch.cat([r, raw_w, k, v, raw_a], -1))
    k = k * (1 + (torch.sigmoid(raw_a) - 1) * cell.memory.alpha.flatten())
    bonus = (r * cell.rho.flatten() * k).unflatten(-1, (2, 4)).sum(-1, keepdim=True)
    normed = torch.nn.functional.group_norm(
        read.flatten(0, 1), 2, cell.norm.gain, cell.norm.bias, eps=4e-5
    ).unflatten(0, (2, 6))
    g = torch.sigmoid(x_g @ cell.from_g.down.weight.T) @ cell.from_g.up.weight.T
    y = (g * (normed + (bonus * v.unflatten(-1, (2, 4))).flatten(-2))) @ cell.output.weight.T
    torch.testing.assert_close(cell(x)[0], y, rtol=1e-10, atol=1e-12)


def test_fast_weights_equal_a_network_with_the_memory():
    """Without fast weights, h = relu(LN(W h + C x + b))."""
    torch.manual_seed(0)
    cell = FastWeightsCell(3, hidden_size=4, rate=1e-300).double()
    x, h = torch.randn(1, 5, 3, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    for y, x_t in zip(cell(x)[0][0], x[0], strict=True):
        z = 0.05 * h + cell.from_x(x_t)
        h = ((z - z.mean()) / (z.var(correction=0) + 1e-5).sqrt()).relu()
        torch.testing.assert_close(y, h, rtol=1e-6, atol=1e-8)


SIZE = {"hidden_size": 5, "heads": 2, "key_size": 6, "value_size": 4}
I_, H, h, K, V, R = 3, 5, 2, 6, 4, 7
COUNTS = [
    ("linear-attention", SIZE, h * (2 * K + V) * (I_ + 1) + h * V * H),
    ("retention", SIZE, h * (2 * K + V) * (I_ + 1) + h * V * (H + I_ + 1) + 2 * h * V),
    (
        "gla",
        {**SIZE, "gate_rank": R},
        h * (2 * K + V) * (I_ + 1) + R * I_ + h * K * (R + 1) + h * V * (H + I_ + 1) + 2 * h * V,
    ),
    ("delta", SIZE, h * (2 * K + V + 1) * (I_ + 1) + h * V * H + h * V),
    (
        "delta",
        {**SIZE, "gate": True, "norm": "none", "bias": False},
        h * (2 * K + V + 1) * I_ + h * V * (H + I_),
    ),
    ("gated-delta", SIZE, h * (2 * K + V + 2) * (I_ + 1) + h * V * (H + I_ + 1) + h * V + 2 * h),
    ("delta-product", {**SIZE, "products": 3}, h * (K + 3 * (K + V + 1)) * (I_ + 1) + h * V * H + h * V),
    (
        "rwkv-7",
        {"hidden_size": H, "heads": h, "head_size": K, "rank": R},
        3 * h * K * (I_ + 1) + h * K * H + 6 * I_ + 3 * R * (I_ + h * K) + 7 * h * K,
    ),
    ("fast-weights", {"hidden_size": H}, H * (I_ + H + 1) + 2 * H),
]


@pytest.mark.parametrize(("name", "options", "expected"), COUNTS)
def test_number_of_parameters(name, options, expected):
    cell = CELLS[name](I_, **options)
    assert sum(p.numel() for p in cell.parameters()) == expected


def test_states():
    delta = DeltaCell(I_, heads=2, key_size=6, value_size=4).initial_state(3)
    assert {name: tuple(t.shape) for name, t in leaves(delta)} == {"state.S": (3, 2, 4, 6)}
    rwkv = RWKV7Cell(I_, heads=2, head_size=6).initial_state(3)
    assert {n: tuple(t.shape) for n, t in leaves(rwkv)} == {"state.S": (3, 2, 6, 6), "state.x": (3, I_)}


def test_the_decays_start_as_published():
    memory = GatedDeltaMemory(heads=500)
    rates = memory.decay.A.exp()
    steps = torch.nn.functional.softplus(memory.decay.b)
    assert 0 < rates.min() < 1
    assert 15 < rates.max() <= 16
    assert 1e-3 * (1 - 1e-3) <= steps.min() < 2e-3
    assert 5e-2 < steps.max() <= 0.1 * (1 + 1e-3)
    gamma = RetentionMemory(heads=3).gamma.flatten()
    assert gamma.tolist() == [31 / 32, 63 / 64, 127 / 128]


@pytest.mark.parametrize("name", CELLS)
def test_a_controller_drives_it_by_name(name):
    memory = Ref("memory", name).build()
    cell = MemoryCell(ToyCell(3 + memory.output_size), memory)
    y, _ = cell(torch.randn(2, 5, 3))
    assert y.shape == (2, 5, cell.output_size)
    y.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in memory.parameters())


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        (RetentionCell, {"key_size": 5}, "key_size = 5 must be even, .*; take 6 or rotation = false"),
        (DeltaCell, {"norm": "rmse"}, "DeltaCell: norm = 'rmse': .*none.*rms.*layer"),
        (DeltaProductCell, {"products": 0}, "DeltaProductCell: products = 0: .*greater than 0"),
        (FastWeightsCell, {"decay": 1.0}, r"FastWeightsCell: decay = 1.0: .*less than 1"),
        (GLACell, {"rank": 2}, "GLACell: unknown option 'rank'; "),
    ],
)
def test_wrong_options_are_refused_by_name(kind, options, told):
    with pytest.raises(InvalidOption, match=told):
        kind(I_, **options)


def test_the_readme_names_every_option_with_its_defaults_and_its_code_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    for name, cell in CELLS.items():
        row = re.search(rf"^\| `{name}` \| `hidden.*$", text, re.MULTILINE)[0]
        for option, (_, default) in keyword_options(cell).items():
            assert re.search(rf"^\| `{option}` \|", text, re.MULTILINE), option
            assert f"`{option}={str(default).lower()}`" in row, (name, option)
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, {})

"""Every cell against the closed form of its model over whole sequences, and the number of parameters.

The closed forms are convolutions and matrices of decays; none of them has a step.
"""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import conv1d, rms_norm, silu, softplus

from recurra_ssm.lru import LRU
from recurra_ssm.mamba import Mamba
from recurra_ssm.mamba2 import Mamba2
from recurra_ssm.rg_lru import RGLRU
from recurra_ssm.s4d import S4D
from recurra_ssm.s5 import S5

I_, B, T = 3, 2, 6


def complex_of(re, im):
    return torch.complex(re, im)


def convolution(kernel, u):
    """y_t = Σ_k K_k u_{t−k}: kernel (T, H, I) and u (B, T, I) -> y (B, T, H)."""
    steps = u.shape[1]
    terms = [torch.stack([kernel[t - s] @ u[:, s].mT for s in range(t + 1)]).sum(0).mT for t in range(steps)]
    return torch.stack(terms, 1)


def powers(A, steps):
    """Return A⁰ to A^(T−1), elementwise: (T, ...)."""
    return torch.stack([A**k for k in range(steps)])


def s4d(cell, x):
    u = cell.from_x(x)
    A = complex_of(-cell.log_decay.exp(), cell.frequency)
    A_bar = torch.exp(cell.log_dt.exp()[:, None] * A)
    C = complex_of(*cell.C)
    kernel = 2 * (C * (A_bar - 1) / A * powers(A_bar, x.shape[1])).sum(-1).real  # (T, H)
    return convolution(torch.diag_embed(kernel), u) + cell.D * u


def s5(cell, x):
    A = complex_of(-cell.log_decay.exp(), cell.frequency)
    A_bar = torch.exp(cell.log_dt.exp() * A)
    B = complex_of(*cell.from_x.weight.chunk(2))
    C = complex_of(*cell.to_y.weight.chunk(2, 1))
    B_bar = ((A_bar - 1) / A)[:, None] * B
    kernel = 2 * torch.stack([(C * power) @ B_bar for power in powers(A_bar, x.shape[1])]).real
    return convolution(kernel, x) + x @ cell.skip.weight.T


def lru(cell, x):
    A = torch.exp(complex_of(-cell.nu.exp(), cell.theta.exp()))
    B = cell.gamma.exp()[:, None] * complex_of(*cell.from_x.weight.chunk(2))
    C = complex_of(*cell.to_y.weight.chunk(2, 1))
    kernel = torch.stack([(C * power) @ B for power in powers(A, x.shape[1])]).real
    return convolution(kernel, x) + x @ cell.skip.weight.T


def decays(log_a):
    """Return the product of a over the steps after s up to t: (B, T, ...) -> (B, t, s, ...), 0 for s > t."""
    total = log_a.cumsum(1)
    steps = total.shape[1]
    mask = torch.ones(steps, steps).tril().view(steps, steps, *[1] * (log_a.dim() - 2))
    return torch.exp((total[:, :, None] - total[:, None]) * mask) * mask


def rg_lru(cell, x):
    u = x @ cell.from_x.weight.T + cell.from_x.bias
    W_r, W_i = (torch.block_diag(*half) for half in cell.gates.chunk(2, -1))
    b_r, b_i = (half.flatten() for half in cell.gate_bias.chunk(2, -1))
    r, i = torch.sigmoid(u @ W_r + b_r), torch.sigmoid(u @ W_i + b_i)
    log_a = -8 * r * torch.log(1 + torch.exp(cell.Lambda))
    written = torch.sqrt(1 - torch.exp(log_a) ** 2) * i * u
    return (decays(log_a) * written[:, None]).sum(2)


def convolved(conv, v):
    k, width = conv.weight.shape
    padded = nn.functional.pad(v.mT, (k - 1, 0))
    return silu(conv1d(padded, conv.weight.T[:, None], conv.bias, groups=width).mT)


def mamba(cell, x):
    v, z = (x @ cell.from_x.weight.T).chunk(2, -1)
    u = convolved(cell.conv, v)
    d, B, C = cell.from_u(u).split(cell.sizes, -1)
    delta = softplus(cell.to_delta(d))  # (B, T, D)
    A = -torch.exp(cell.log_decay)
    kept = decays(delta[..., None] * A)  # (B, t, s, D, N)
    y = torch.einsum("btn,btsdn,bsd,bsn->btd", C, kept, delta * u, B) + cell.D * u
    return (y * silu(z)) @ cell.to_y.weight.T


def mamba2(cell, x):
    G, per_group, P, N = cell.shape
    width, heads = cell.sizes[0], G * per_group
    z, v, delta = (x @ cell.from_x.weight.T).split([width, sum(cell.sizes), heads], -1)
    u, B, C = convolved(cell.conv, v).split(cell.sizes, -1)
    u = u.unflatten(-1, (heads, P))
    B, C = (t.unflatten(-1, (G, N)).repeat_interleave(per_group, 2) for t in (B, C))  # (B, T, heads, N)
    delta = softplus(delta + cell.delta_bias)
    kept = decays(-delta * cell.log_decay.exp())  # (B, t, s, heads)
    y = torch.einsum("bthn,bshn,btsh,bshp->bthp", C, B, kept, delta[..., None] * u)
    y = (y + cell.D[:, None] * u).flatten(2) * silu(z)
    normal = rms_norm(y.unflatten(-1, (G, -1)), [width // G], eps=1e-5).flatten(2)
    return (cell.scale * normal) @ cell.to_y.weight.T


FORMS = [
    (S4D, {"hidden_size": 4, "state_size": 6}, s4d),
    (S4D, {"hidden_size": 4, "state_size": 6, "spectrum": "inv"}, s4d),
    (S4D, {"hidden_size": 4, "state_size": 6, "spectrum": "real"}, s4d),
    (S5, {"hidden_size": 4, "state_size": 6, "dt_max": 0.5}, s5),
    (S5, {"hidden_size": 2, "state_size": 8, "blocks": 2}, s5),
    (LRU, {"hidden_size": 4, "state_size": 5}, lru),
    (RGLRU, {"hidden_size": 6, "heads": 2}, rg_lru),
    (Mamba, {"hidden_size": 4, "state_size": 3, "dt_max": 2.0}, mamba),
    (Mamba, {"hidden_size": 20, "state_size": 2, "expansion": 1, "window": 2}, mamba),
    (Mamba2, {"hidden_size": 4, "state_size": 3, "head_size": 4, "dt_max": 2.0}, mamba2),
    (Mamba2, {"hidden_size": 6, "state_size": 3, "head_size": 3, "groups": 2}, mamba2),
]


@pytest.mark.parametrize(("kind", "options", "whole"), FORMS)
def test_outputs_and_gradients_equal_the_closed_form(kind, options, whole):
    torch.manual_seed(0)
    cell = kind(I_, **options).double()
    x = torch.randn(B, T, I_, dtype=torch.float64, requires_grad=True)
    sources = [x, *cell.parameters()]
    results = [cell(x)[0], whole(cell, x)]
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-11)
    weights = torch.randn_like(results[0])
    gradients = [torch.autograd.grad((result * weights).sum(), sources) for result in results]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-10)
    assert all(g.abs().max() > 0 for g in gradients[0])


@pytest.mark.parametrize(("kind", "options", "whole"), FORMS)
def test_a_sequence_may_be_cut_anywhere(kind, options, whole):
    torch.manual_seed(1)
    cell, x = kind(I_, **options).double(), torch.randn(B, T, I_, dtype=torch.float64)
    first, state = cell(x[:, :2])
    second, state = cell(x[:, 2:3], state)
    third, _ = cell(x[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second, third], 1), whole(cell, x), rtol=1e-10, atol=1e-11)


def size(cell):
    return sum(p.numel() for p in cell.parameters())


@pytest.mark.parametrize(("inputs", "H", "N"), [(3, 5, 4), (64, 64, 64)])
def test_numbers_of_parameters_of_the_linear_models(inputs, H, N):
    assert size(S4D(inputs, hidden_size=H, state_size=N)) == H * (inputs + 1) + H * (2 * N + 2)
    expected = 3 * N // 2 + N * inputs + N * H + H * inputs
    assert size(S5(inputs, hidden_size=H, state_size=N)) == expected
    expected = 3 * N + 2 * N * inputs + 2 * N * H + H * inputs
    assert size(LRU(inputs, hidden_size=H, state_size=N)) == expected
    assert size(RGLRU(inputs, hidden_size=H, heads=1)) == H * (inputs + 1) + 2 * H * (H + 1) + H


@pytest.mark.parametrize(("inputs", "H"), [(3, 40), (768, 768)])
def test_numbers_of_parameters_of_mamba(inputs, H):
    D, N, k, R = 2 * H, 16, 4, math.ceil(H / 16)
    expected = inputs * 2 * D + D * (k + 1) + D * (R + 2 * N) + R * D + D + D * N + D + D * H
    assert size(Mamba(inputs, hidden_size=H)) == expected


@pytest.mark.parametrize(("inputs", "H", "G"), [(3, 64, 2), (256, 256, 1)])
def test_numbers_of_parameters_of_mamba2(inputs, H, G):
    D, N, k, heads = 2 * H, 64, 4, 2 * H // 64
    expected = inputs * (2 * D + 2 * G * N + heads) + (D + 2 * G * N) * (k + 1) + 3 * heads + D + D * H
    assert size(Mamba2(inputs, hidden_size=H, groups=G)) == expected

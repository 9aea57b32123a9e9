"""Each recurrence against a second form of it that has no state: all steps at once, quadratic in time.

The forms are derived from the definitions: scores between steps, and for the delta rules a triangular system
whose solution is what each step writes. Interfaces are (T, heads, size), one sequence, in float64.
"""

import pytest
import torch
from torch.nn.functional import elu, logsigmoid, normalize, silu, softplus

from recurra_matrix_memory.decayed import GLAMemory, RetentionMemory
from recurra_matrix_memory.delta import DeltaMemory, DeltaProductMemory, GatedDeltaMemory
from recurra_matrix_memory.fast_weights import FastWeightsMemory
from recurra_matrix_memory.linear_attention import LinearAttentionMemory
from recurra_matrix_memory.rwkv7 import RWKV7Memory

T, SIZES = 7, {"heads": 2, "key_size": 4, "value_size": 3}


@pytest.fixture(autouse=True)
def double():
    """Constants, too, are computed in float64 rather than converted to it."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def sections(memory, interface):
    """The interface (1, T, P) -> its sections (h, T, size)."""
    parts = torch.split(interface[0], memory.sizes, -1)
    return [part.unflatten(-1, (memory.heads, -1)).transpose(0, 1) for part in parts]


def linear_attention(memory, interface):
    q, k, v = sections(memory, interface)
    scores = torch.tril((elu(q) + 1) @ (elu(k) + 1).mT)
    return scores @ v / (scores.sum(-1, keepdim=True) + 1e-6)


def retention(memory, interface):
    """Query and key are rotated by their positions, as complex numbers."""
    q, k, v = sections(memory, interface)
    time = torch.arange(T)
    if memory.rotation:
        turns = torch.polar(torch.ones(T, 2), time[:, None] * torch.tensor([1.0, 1e-4]))
        q, k = (torch.complex(*part.chunk(2, -1)) * turns for part in (q, k))
    gamma = torch.tensor([1 - 2.0**-5, 1 - 2.0**-6])[:, None, None]
    scores = torch.tril((q @ k.mH).real * gamma ** (time[:, None] - time).clamp(min=0))
    return scores @ v / 2  # √K


def gla(memory, interface):
    q, k, v, a = sections(memory, interface)
    total = (logsigmoid(a) / memory.temperature).cumsum(1)
    kept = torch.exp(total[:, :, None] - total[:, None])  # from step s (axis 2) to step t (axis 1)
    scores = torch.tril(torch.einsum("htk,hsk,htsk->hts", q, k, kept))
    return scores @ v / 2  # √K


def delta_rules(q, k, v, beta, log_alpha):
    """What step t writes is u_t kᵀ, u_t = β_t (v_t − S k_t): a triangular system in all u."""
    total = log_alpha.cumsum(1)
    kept = torch.tril(torch.exp((total[:, :, None] - total[:, None]).tril()))
    system = torch.eye(k.shape[1]) + torch.tril(beta[..., None] * (k @ k.mT) * kept, -1)
    u = torch.linalg.solve_triangular(system, beta[..., None] * v, upper=False, unitriangular=True)
    return (q @ k.mT * kept) @ u


def delta(memory, interface):
    n = memory.products
    q, k, v, b, *a = sections(memory, interface)
    k, v, b = (part.unflatten(-1, (n, -1)).flatten(1, 2) for part in (k, v, b))
    log_alpha = torch.zeros(2, T, n)
    if memory.decay is not None:
        log_alpha[..., 0] = -(memory.decay.A.exp() * softplus(a[0].squeeze(-1) + memory.decay.b))
    every_q = silu(q).repeat_interleave(n, 1)
    beta = memory.largest_beta * torch.sigmoid(b.squeeze(-1))
    r = delta_rules(unit(every_q), unit(silu(k)), silu(v), beta, log_alpha.flatten(1))
    return r[:, n - 1 :: n]


def unit(x):
    return normalize(torch.cat([x, torch.full_like(x[..., :1], 1e-3)], -1), dim=-1)[..., :-1]


def rwkv_7(memory, interface):
    """Step t removes p_t (a ∘ κ)ᵀ, p_t = S κ_t: again a triangular system."""
    r, w, k, v, a = sections(memory, interface)
    a, kappa = torch.sigmoid(a), unit(k * memory.xi[:, None])
    k = k * (1 + (a - 1) * memory.alpha[:, None])
    total = (-torch.exp(torch.tensor(-0.5)) * torch.sigmoid(w)).cumsum(1)
    before = torch.cat([torch.zeros_like(total[:, :1]), total[:, :-1]], 1)

    def scores(to, key, at):
        kept = torch.exp(at[:, :, None] - total[:, None]).clamp(max=1)
        return torch.einsum("htk,hsk,htsk->hts", to, key, kept)

    system = torch.eye(T) + torch.tril(scores(kappa, a * kappa, before), -1)
    p = torch.linalg.solve(system, torch.tril(scores(kappa, k, before), -1) @ v)
    return torch.tril(scores(r, k, total)) @ v - torch.tril(scores(r, a * kappa, total)) @ p


def fast_weights(memory, interface):
    """Inner steps attend to the states before: A h = η Σ_s λ^(t − 1 − s) h_s (h_s · h)."""
    states = []
    for t, z in enumerate(interface[0]):
        h = z.relu()
        for _ in range(memory.inner_steps):
            attended = sum(
                memory.rate * memory.decay ** (t - 1 - s) * (h_s @ h) * h_s for s, h_s in enumerate(states)
            )
            a = z + attended
            normed = (a - a.mean()) / (a.var(correction=0) + 1e-5).sqrt()
            h = (memory.norm.weight * normed + memory.norm.bias).relu()
        states.append(h)
    return torch.stack(states)[None]


MEMBERS = {
    "linear attention": (linear_attention, LinearAttentionMemory, SIZES),
    "retention": (retention, RetentionMemory, SIZES),
    "retention without rotation": (retention, RetentionMemory, {**SIZES, "rotation": False}),
    "gla": (gla, GLAMemory, {**SIZES, "temperature": 2.0}),
    "delta": (delta, DeltaMemory, SIZES),
    "delta with reflections": (delta, DeltaMemory, {**SIZES, "negative_eigenvalues": True}),
    "gated delta": (delta, GatedDeltaMemory, SIZES),
    "delta product": (delta, DeltaProductMemory, {**SIZES, "products": 3}),
    "gated delta product": (delta, DeltaProductMemory, {**SIZES, "forgets": True}),
    "rwkv-7": (rwkv_7, RWKV7Memory, {"heads": 2, "head_size": 3}),
    "fast weights": (fast_weights, FastWeightsMemory, {"size": 4, "inner_steps": 2}),
}


@pytest.mark.parametrize("member", MEMBERS)
def test_reads_and_all_gradients_equal_those_of_the_form_without_a_state(member):
    form, kind, options = MEMBERS[member]
    torch.manual_seed(0)
    memory = kind(**options)
    for p in memory.parameters():
        torch.nn.init.normal_(p, std=0.5)
    interface = torch.randn(1, T, memory.input_size, requires_grad=True)
    results = [memory(interface)[0], form(memory, interface).transpose(0, 1).flatten(1)[None]]
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-12)
    sources, weights = [interface, *memory.parameters()], torch.randn_like(results[0])
    gradients = [torch.autograd.grad((result * weights).sum(), sources) for result in results]
    for got, expected in zip(*gradients, strict=True):
        assert expected.any()
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-11)

"""The whole NTM step against a naive second version, written slot by slot from the paper's equations."""

import pytest
import torch

from recurra import MemoryCellState, Ref, leaves, map_state
from recurra_ntm.addressing import NORM_EPSILON
from recurra_ntm.cell import NTM
from recurra_ntm.memory import NTMMemoryState

B, T, N, W, R, K, MOST = 2, 3, 5, 3, 2, 2, 1
INPUTS = 2
SHIFTS = range(MOST, -MOST - 1, -1)  # the order in which s is put out


def softplus(x):
    return torch.log(1 + torch.exp(x))


def logistic(x):
    return 1 / (1 + torch.exp(-x))


def softmax(numbers):
    return [torch.exp(x) / sum(torch.exp(n) for n in numbers) for x in numbers]


# Raw parameters come as all heads' k, then all heads' beta, and so on; e and a are the write heads' alone.
LAYOUT = {
    "k": (range(R + K), W, lambda raw: [torch.tanh(x) for x in raw]),
    "beta": (range(R + K), 1, lambda raw: softplus(raw[0])),
    "g": (range(R + K), 1, lambda raw: logistic(raw[0])),
    "s": (range(R + K), len(SHIFTS), lambda raw: dict(zip(SHIFTS, softmax(raw), strict=True))),
    "gamma": (range(R + K), 1, lambda raw: 1 + softplus(raw[0])),
    "e": (range(R, R + K), W, lambda raw: [logistic(x) for x in raw]),
    "a": (range(R, R + K), W, lambda raw: [torch.tanh(x) for x in raw]),
}


def heads_of(v):
    """Cut raw parameters (I,) into one dictionary of squashed parameters per head."""
    numbers = iter(v)
    heads = [{} for _ in range(R + K)]
    for name, (owners, size, squash) in LAYOUT.items():
        for h in owners:
            heads[h][name] = squash([next(numbers) for _ in range(size)])
    return heads


def cosine(u, v):
    dot = sum(a * b for a, b in zip(u, v, strict=True))
    return dot / torch.sqrt((sum(a * a for a in u) + NORM_EPSILON) * (sum(b * b for b in v) + NORM_EPSILON))


def address(head, M, before):
    similar = [torch.exp(head["beta"] * cosine(head["k"], M[i])) for i in range(N)]
    mixed = [head["g"] * similar[i] / sum(similar) + (1 - head["g"]) * before[i] for i in range(N)]
    shifted = []
    for i in range(N):
        total = 0
        for by, probability in head["s"].items():
            total = total + mixed[(i - by) % N] * probability
        shifted.append(total)
    sharp = [w ** head["gamma"] for w in shifted]
    return [w / sum(sharp) for w in sharp]


def naive_memory(v, M, w_before):
    """One row: raw v (I,), M as N lists of W numbers, weightings as R + K lists of N."""
    heads = heads_of(v)
    w = [address(head, M, before) for head, before in zip(heads, w_before, strict=True)]
    for h in range(R, R + K):
        M = [[M[i][j] * (1 - w[h][i] * heads[h]["e"][j]) for j in range(W)] for i in range(N)]
    for h in range(R, R + K):
        M = [[M[i][j] + w[h][i] * heads[h]["a"][j] for j in range(W)] for i in range(N)]
    r = [sum(w[h][i] * M[i][j] for i in range(N)) for h in range(R) for j in range(W)]
    return r, M, w


def naive_controller(cell, inputs, state):
    controller = cell.controller
    if not state:
        return torch.tanh(controller.layer.weight @ inputs + controller.layer.bias), ()
    weights = controller.from_x.weight, controller.from_h.weight
    biases = controller.from_x.bias, torch.zeros_like(controller.from_x.bias)
    h, c = torch.lstm_cell(inputs[None], [s[None] for s in state], *weights, *biases)
    return h[0], (h[0], c[0])


def naive(cell, x, state):
    """The cell over whole sequences, one row at a time: outputs (B, T, O) and the final state."""
    outputs, finals = [], []
    for b in range(B):
        controller = tuple(leaf[b] for leaf in state.controller)
        r, M = state.r[b], [list(slot) for slot in state.memory.M[b]]
        w = [*state.memory.w_r[b], *state.memory.w_w[b]]
        ys = []
        for t in range(T):
            h, controller = naive_controller(cell, torch.cat([x[b, t], r]), controller)
            read, M, w = naive_memory(cell.interface.weight @ h + cell.interface.bias, M, w)
            r = torch.stack(read)
            ys.append(torch.cat([h, r]))
        outputs.append(torch.stack(ys))
        M, w = (torch.stack([torch.stack(list(line)) for line in lines]) for lines in (M, w))
        finals.append([*controller, M, w[:R], w[R:], r])
    return torch.stack(outputs), [torch.stack(leaf) for leaf in zip(*finals, strict=True)]


def random_start(cell):
    start = map_state(lambda leaf: torch.randn_like(leaf), cell.initial_state(B))
    looking = (torch.softmax(w, -1) for w in (start.memory.w_r, start.memory.w_w))
    return MemoryCellState(start.controller, NTMMemoryState(start.memory.M, *looking), start.r)


def weighted(tensors):
    rng = torch.Generator().manual_seed(1)
    return sum((t * torch.randn(t.shape, generator=rng, dtype=t.dtype)).sum() for t in tensors)


@pytest.mark.parametrize("controller", ["feed-forward", "lstm"])
def test_outputs_state_and_all_gradients_equal_the_naive_version(controller):
    torch.manual_seed(0)
    memory = Ref("memory", "ntm", slots=N, width=W, read_heads=R, write_heads=K, max_shift=MOST)
    cell = NTM(INPUTS, controller=Ref("cell", controller, hidden_size=4), memory=memory).double()
    for p in cell.parameters():
        torch.nn.init.normal_(p)  # zero biases would hide which one goes where
    x = torch.randn(B, T, INPUTS, dtype=torch.float64, requires_grad=True)
    state = map_state(lambda leaf: leaf.requires_grad_(), random_start(cell))
    sources = {"x": x, **dict(cell.named_parameters()), **dict(leaves(state))}
    sources.pop("memory.r_0")  # the state is given

    y, final = cell(x, state)
    final = [leaf for _, leaf in leaves(final)]
    y_naive, final_naive = naive(cell, x, state)
    torch.testing.assert_close(y, y_naive, rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(final, final_naive, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)

    ours = torch.autograd.grad(weighted([y, *final]), list(sources.values()))
    theirs = torch.autograd.grad(weighted([y_naive, *final_naive]), list(sources.values()))
    for name, got, expected in zip(sources, ours, theirs, strict=True):
        assert got.abs().max() > 0, name
        torch.testing.assert_close(
            got, expected, rtol=1e-10, atol=1e-11, msg=lambda m, name=name: f"{name}: {m}"
        )

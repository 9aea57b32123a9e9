"""Both cells against a second version made of lists, and the gradient of what only one net may learn."""

import math

import pytest
import torch
from torch.nn import functional as F

from recurra import Ref
from recurra_history_compressor.cell import HistoryCompressor
from recurra_history_compressor.chunker import AutomatizerChunker

SYMBOLS, HIDDEN, BITS = 3, 4, 2
NET = Ref("cell", "tanh-recurrent", hidden_size=HIDDEN)


def levels_of(cell):
    return list(cell.levels) if isinstance(cell, HistoryCompressor) else [cell.automatizer, cell.chunker]


def randomised(cell):
    torch.manual_seed(0)
    for p in cell.parameters():
        torch.nn.init.normal_(p)
    return cell.double()


def naive_level(level, h, x, times):
    """What a level expects of an input, and what the input costs it: one row, one symbol or bit at a time."""
    z = [level.head.weight[i] @ h + level.head.bias[i] for i in range(level.head.out_features)]
    symbol = max(range(SYMBOLS), key=lambda i: x[i].item())
    cost = torch.log(sum(torch.exp(z[i]) for i in range(SYMBOLS))) - z[symbol]
    right = max(range(SYMBOLS), key=lambda i: z[i].item()) == symbol
    for n, time in enumerate(times):
        digits = f"{min(time, 2**BITS - 1):0{BITS}b}"[::-1]
        ours = z[SYMBOLS + n * BITS : SYMBOLS + (n + 1) * BITS]
        for digit, logit in zip(digits, ours, strict=True):
            cost = cost + torch.log(1 + torch.exp(-logit if digit == "1" else logit))
        right = right and sum(2**k for k, logit in enumerate(ours) if logit > 0) == time
    return right, cost


def naive_net(level, h, x, times):
    digits = "".join(f"{min(time, 2**BITS - 1):0{BITS}b}"[::-1] for time in times)
    i = torch.cat([x, torch.tensor([float(d) for d in digits], dtype=x.dtype)])
    net = level.net
    return torch.tanh(net.from_x.weight @ i + net.from_x.bias + net.from_h.weight @ h)


def naive(cell, x):
    """One row (T, A): outputs, own loss, and the inputs seen by each level."""
    levels = levels_of(cell)
    h = [torch.zeros(HIDDEN, dtype=x.dtype) for _ in levels]
    costs, seen, since = [[] for _ in levels], [0] * len(levels), [0] * len(levels)
    ys, errors = [], []
    for x_t in x:
        times = []
        for s, level in enumerate(levels):
            right, cost = naive_level(level, h[s], x_t, times)
            if seen[s] == 0:
                right = False
            else:
                costs[s].append(cost)
            h[s] = naive_net(level, h[s], x_t, times)
            seen[s] += 1
            since[s] += 1
            if right:
                break
            times = [*times, since[s]]
            since[s] = 0
        ys.append(torch.cat(h))
        if isinstance(cell, AutomatizerChunker):
            errors.append(naive_error(cell, *h))
    loss = sum(sum(c) / len(c) for c in costs if c) + (sum(errors) / len(errors) if errors else 0)
    return torch.stack(ys), loss, seen


def naive_error(cell, h_A, h_C):
    z = (cell.chunker.head.weight @ h_C + cell.chunker.head.bias).detach()
    powers = [math.exp(z[i]) for i in range(SYMBOLS)]
    o_C = [p / sum(powers) for p in powers] + [1 / (1 + math.exp(-z[i])) for i in range(SYMBOLS, len(z))]
    guess = cell.guess.weight @ h_A + cell.guess.bias
    target = [*h_C.tolist(), *o_C]
    return sum((guess[i] - target[i]) ** 2 for i in range(len(target))) / 2


def weighted(tensors):
    rng = torch.Generator().manual_seed(1)
    return sum((t * torch.randn(t.shape, generator=rng, dtype=t.dtype)).sum() for t in tensors)


@pytest.mark.parametrize(
    "cell",
    [
        HistoryCompressor(SYMBOLS, levels=1, level=NET, time_bits=BITS),
        HistoryCompressor(SYMBOLS, levels=3, level=NET, time_bits=BITS),
        AutomatizerChunker(SYMBOLS, level=NET, time_bits=BITS),
    ],
    ids=["one level", "three levels", "two nets"],
)
def test_outputs_losses_and_all_gradients_equal_the_naive_version(cell):
    cell = randomised(cell)
    symbols = torch.randint(SYMBOLS, (3, 25), generator=torch.Generator().manual_seed(3))
    x = F.one_hot(symbols, SYMBOLS).double()
    y, state = cell(x)
    levels = state.levels if isinstance(cell, HistoryCompressor) else state[:2]
    rows = [naive(cell, row) for row in x]
    y_naive, loss_naive = (torch.stack([row[i] for row in rows]) for i in (0, 1))
    torch.testing.assert_close(y, y_naive, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(cell.auxiliary_loss(state), loss_naive, rtol=1e-12, atol=1e-12)
    assert [list(row) for row in zip(*(s.seen.tolist() for s in levels), strict=True)] == [r[2] for r in rows]
    if len(levels) > 1:
        assert 2 < levels[-1].seen.min() <= levels[-1].seen.max() < 25  # rows part ways at the top

    sources = dict(cell.named_parameters())
    ours = torch.autograd.grad(weighted([y, cell.auxiliary_loss(state)]), list(sources.values()))
    theirs = torch.autograd.grad(weighted([y_naive, loss_naive]), list(sources.values()))
    for name, got, expected in zip(sources, ours, theirs, strict=True):
        assert got.abs().max() > 0, name
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-11)


def test_the_automatizer_alone_learns_from_its_guess_at_the_chunker():
    cell = randomised(AutomatizerChunker(SYMBOLS, level=NET, time_bits=BITS))
    _, state = cell(F.one_hot(torch.tensor([[0, 2, 1, 1, 0, 2]]), SYMBOLS).double())
    state.error.sum().backward()
    assert all(p.grad is None for p in cell.chunker.parameters())
    assert all(p.grad.abs().max() > 0 for p in cell.automatizer.net.parameters())
    assert all(p.grad.abs().max() > 0 for p in cell.guess.parameters())

"""Layers learn to store pairs and to recall a value by its key, which each of them should be able to."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from recurra import Ref

KEYS, PAIRS, BITS, BATCH = 8, 4, 8, 64


def recall(rng):
    """Return x (B, PAIRS + 1, KEYS + BITS): pairs of key and value, then a key alone; and its value."""
    shuffled = torch.stack([torch.randperm(KEYS, generator=rng)[:PAIRS] for _ in range(BATCH)])
    keys, values = one_hot(shuffled, KEYS).float(), torch.randint(2, (BATCH, PAIRS, BITS), generator=rng)
    asked = torch.randint(PAIRS, (BATCH,), generator=rng)
    row = torch.arange(BATCH)
    question = torch.cat([keys[row, asked], torch.zeros(BATCH, BITS)], -1)
    shown = torch.cat([keys, 2.0 * values - 1], -1)
    return torch.cat([shown, question[:, None]], 1), values[row, asked].float()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["linear-attention", "gla", "delta", "gated-delta", "delta-product", "rwkv-7"]
)
def test_associative_recall_is_learned(name):
    """From 0.69 nats per bit, a blind guess, to less than 0.2 within 250 updates."""
    rng = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    cell = Ref("cell", name, hidden_size=64).build(KEYS + BITS)
    readout = torch.nn.Linear(64, BITS)
    optimizer = torch.optim.Adam([*cell.parameters(), *readout.parameters()], lr=1e-2)
    losses = []
    for _ in range(250):
        x, value = recall(rng)
        loss = binary_cross_entropy_with_logits(readout(cell(x)[0][:, -1]), value)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.65
    assert sum(losses[-20:]) / 20 < 0.2

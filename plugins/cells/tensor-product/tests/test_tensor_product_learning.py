"""A controller learns to store and to ask: pairs are shown once each, and one is asked for."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from recurra import Ref
from recurra_ntm.cell import NTM

KEYS, PAIRS, BITS, BATCH = 8, 4, 8, 64


def recall(rng):
    """Return x (B, PAIRS + 1, KEYS + BITS + 1): pairs of key and value, then a key alone; and its value."""
    shuffled = torch.stack([torch.randperm(KEYS, generator=rng)[:PAIRS] for _ in range(BATCH)])
    keys, values = (
        one_hot(shuffled, KEYS).float(),
        torch.randint(2, (BATCH, PAIRS, BITS), generator=rng).float(),
    )
    asked = torch.randint(PAIRS, (BATCH,), generator=rng), torch.arange(BATCH)
    question = torch.cat([keys[asked[::-1]], torch.zeros(BATCH, BITS), torch.ones(BATCH, 1)], -1)
    shown = torch.cat([keys, values, torch.zeros(BATCH, PAIRS, 1)], -1)
    return torch.cat([shown, question[:, None]], 1), values[asked[::-1]]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_associative_recall_is_learned(seed):
    """From 0.693 nats per bit, a blind guess, to less than 0.1; the controller itself has no state."""
    rng = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    memory = Ref("memory", "tensor-product", sizes=[12, 12])
    cell = NTM(KEYS + BITS + 1, controller=Ref("cell", "feed-forward", hidden_size=32), memory=memory)
    readout = torch.nn.Linear(cell.output_size, BITS)
    optimizer = torch.optim.Adam([*cell.parameters(), *readout.parameters()], lr=3e-3)
    losses = []
    for _ in range(1500):
        x, value = recall(rng)
        loss = binary_cross_entropy_with_logits(readout(cell(x)[0][:, -1]), value)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.65
    assert sum(losses[-50:]) / 50 < 0.1

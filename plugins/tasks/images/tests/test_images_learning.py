"""A small GRU learns the synthetic digits, and is far better than a constant answer on those for test."""

import pytest
import torch

from recurra import Ref
from recurra_images.mnist_task import MNIST
from recurra_lab import Model


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_gru_learns_the_sample(seed):
    torch.manual_seed(seed)
    task = MNIST(form="rows")
    model = Model(task, Ref("cell", "gru", hidden_size=32))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for k in range(200):
        batch = task.batch(k, batch_size=16, seed=seed, split="train")
        optimizer.zero_grad()
        task.loss(model(batch.x, lengths=batch.lengths)[0], batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    test = task.batch(0, batch_size=task.count("test"), seed=0, split="test")
    with torch.no_grad():
        found = task.scores(model(test.x, lengths=test.lengths)[0], test)["accuracy_percent"].value
    reference = task.baselines()["constant"]["accuracy_percent"]
    assert reference + 50 < found

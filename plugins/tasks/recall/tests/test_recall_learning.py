"""A small GRU learns small forms of the tasks, far beyond what a guess scores."""

import pytest
import torch

from recurra import Ref
from recurra_lab import Model, evaluate
from recurra_lab.training.batches import Batches
from recurra_recall.induction_heads_task import InductionHeads
from recurra_recall.mqar_task import MQAR
from recurra_recall.selective_copy_task import SelectiveCopy

TASKS = {
    "mqar": MQAR(pairs=2, length=12, vocabulary=20),
    "selective-copy": SelectiveCopy(length=12, copied=3, vocabulary=6),
    "induction-heads": InductionHeads(length=12, vocabulary=6),
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", TASKS)
def test_a_gru_recalls(name, seed):
    torch.manual_seed(seed)
    task = TASKS[name]
    model = Model(task, Ref("cell", "gru", hidden_size=64), embedding_size=32)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for k in range(1200):
        batch = task.batch(k, batch_size=64, seed=seed, split="train")
        optimizer.zero_grad()
        task.loss(model(batch.x)[0], batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    found = evaluate(model, Batches(task, 64, 0, "test", rank=0, ranks=1), 5)["accuracy_percent"].value
    assert found > 80  # a guess without recall reaches 50 percent at most

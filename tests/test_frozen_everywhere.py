"""Every installed task can be frozen, and what is read back are its batches."""

import pytest
import torch

from recurra.plugins.registry import components
from recurra.plugins.registry import load as component
from recurra_lab.snapshots.task import SPLITS, freeze, load

FEW = dict.fromkeys(SPLITS, 2)


@pytest.mark.parametrize("name", [offer.qualified for offer in components("task")])
def test_batches_come_back(name, tmp_path):
    task = component("task", name)()
    back = load(freeze(task, tmp_path / "frozen", batches=FEW, batch_size=2, seed=1))
    for split in SPLITS:
        for k in range(2):
            drawn = task.batch(k, batch_size=2, seed=1, split=split)
            found = back.batch(k, batch_size=2, seed=0, split=split)
            for part, one, other in zip(drawn._fields, drawn, found, strict=True):
                assert torch.equal(one, other), (split, k, part)
                assert one.dtype == other.dtype

"""A snapshot of every installed task that has targets can be written, and has its batches."""

import pytest
import torch

from recurra import Environment
from recurra.plugins.registry import components
from recurra.plugins.registry import load as component
from recurra_lab import load_snapshot, write_snapshot
from recurra_lab.snapshots.folder import SPLITS

FEW = dict.fromkeys(SPLITS, 2)


@pytest.mark.parametrize("name", [offer.qualified for offer in components("task")])
def test_batches_come_back(name, tmp_path):
    task = component("task", name)()
    if isinstance(task, Environment):
        pytest.skip("an environment has no sequences")
    back = load_snapshot(write_snapshot(task, tmp_path / "snapshot", batches=FEW, batch_size=2, seed=1))
    for split in SPLITS:
        for k in range(2):
            drawn = task.batch(k, batch_size=2, seed=1, split=split)
            found = back.batch(k, batch_size=2, seed=0, split=split)
            for part, one, other in zip(drawn._fields, drawn, found, strict=True):
                assert torch.equal(one, other), (split, k, part)
                assert one.dtype == other.dtype

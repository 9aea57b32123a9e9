"""Rules that set the readout: what they read, which steps count, and targets that suit squared errors."""

import pytest
import torch

from recurra import IncompatibleParts, Ref
from recurra_contract import ToyTask
from recurra_lab import Model, ReadoutRule


def made(size=3, **options):
    task = ToyTask(size=size)
    model = Model(task, Ref("cell", "elman", hidden_size=4), **options)
    return ReadoutRule(model, task, 0, rule="made-up", washout=2)


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (torch.tensor([[[0.5], [-3.0]]]), [[[0.5], [-3.0]]]),
        (torch.tensor([[[0.0], [1.0]]]), [[[-1.0], [1.0]]]),
        (torch.tensor([[2, 0]]), [[[-1.0, -1.0, 1.0], [1.0, -1.0, -1.0]]]),
    ],
)
def test_targets(target, wanted):
    rule = made(size=len(wanted[0][0]))
    batch = rule.task.sample(1, torch.Generator())
    batch = batch._replace(target=target, mask=torch.ones(1, 2, dtype=torch.bool))
    found = rule.targets(batch)
    assert found.tolist() == wanted
    assert found.dtype == torch.float64


def test_targets_of_another_width_are_refused():
    rule = made()
    batch = rule.task.sample(1, torch.Generator())
    with pytest.raises(
        IncompatibleParts, match="'made-up' needs targets as wide as outputs, but task 'ToyTask'"
    ):
        rule.targets(batch._replace(target=batch.target[..., :2]))


def test_steps_count_where_they_are_scored_after_the_washout():
    rule = made()
    batch = rule.task.sample(8, torch.Generator().manual_seed(0))
    used = rule.used(batch)
    assert torch.equal(used[:, 2:], batch.mask[:, 2:])
    assert not used[:, :2].any()


def test_features_are_what_the_readout_reads():
    rule = made()
    batch = rule.task.sample(2, torch.Generator())
    h, _ = rule.features(batch.x, None, batch.lengths)
    assert torch.equal(rule.readout(h), rule.model(batch.x, lengths=batch.lengths)[0])


@torch.no_grad()
def test_the_last_row_of_weights_is_the_bias():
    rule = made()
    rule.set_readout(torch.arange(15.0).view(5, 3))
    assert torch.equal(rule.readout.weight, torch.arange(12.0).view(4, 3).T)
    assert rule.readout.bias.tolist() == [12, 13, 14]
    h = torch.randn(2, 4)
    torch.testing.assert_close(rule.with_ones(h).float() @ torch.arange(15.0).view(5, 3), rule.readout(h))


def test_a_model_without_a_readout_is_refused():
    with pytest.raises(IncompatibleParts, match=r"'made-up' sets the readout; choose model\.readout=linear"):
        made(size=4, readout="none")

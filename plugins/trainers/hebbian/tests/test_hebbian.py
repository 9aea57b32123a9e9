"""Readouts in one shot: against least squares of numpy, sums by hand, over batches and washouts."""

import numpy as np
import pytest
import torch

from readouts import Pairs, Shown
from recurra import IncompatibleParts
from recurra_contract.harness import BATCH_SIZE, SEED, CellOf, OpaqueCell, SaveAt, fit, module_of
from recurra_hebbian.trainer import Hebbian
from recurra_lab import Model
from recurra_lab.training.batches import Batches


def learned(x, target, mask=None, batches=1, **options):
    """Return the weights (O, I) and bias (O,) of the readout after some batches."""
    task, rule = Pairs(x, target, mask), Hebbian(**options)
    module = rule.lightning_module(Model(task, CellOf(Shown)).double(), task, 0)
    module.log = lambda *args, **kwargs: None
    for k in range(batches):
        module.training_loss(task.batch(k, batch_size=len(x), seed=0, split="train"))
    return module.model.readout.weight.detach(), module.model.readout.bias.detach()


def drawn(*sizes):
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_ridge_is_numpys_least_squares():
    x, target = drawn(5, 4, 3), drawn(5, 4, 2)
    weight, bias = learned(x, target, ridge=0.0)
    features = np.concatenate([x.reshape(-1, 3).numpy(), np.ones((20, 1))], 1)
    expected = np.linalg.lstsq(features, target.reshape(-1, 2).numpy(), rcond=None)[0]
    np.testing.assert_allclose(weight.numpy(), expected[:3].T, atol=1e-12)
    np.testing.assert_allclose(bias.numpy(), expected[3], atol=1e-12)


def test_the_penalty_is_on_weights_and_not_on_the_bias():
    # One input, x = 1 and -1, due 2 x + 7: w = 2 * 2 / (2 + λ), b = 7.
    x = torch.tensor([[[1.0]], [[-1.0]]], dtype=torch.float64)
    weight, bias = learned(x, 2 * x + 7, ridge=6.0)
    assert weight.item() == pytest.approx(0.5)
    assert bias.item() == pytest.approx(7)


def test_batch_after_batch_is_all_at_once():
    x, target = drawn(6, 4, 3), drawn(6, 4, 2)
    whole, _ = learned(x, target, ridge=0.3)
    task, rule = Pairs(x[:3], target[:3]), Hebbian(ridge=0.3)
    module = rule.lightning_module(Model(task, CellOf(Shown)).double(), task, 0)
    module.log = lambda *args, **kwargs: None
    for rows in (slice(0, 3), slice(3, 6)):
        part = Pairs(x[rows], target[rows])
        module.training_loss(part.batch(0, batch_size=3, seed=0, split="train"))
    torch.testing.assert_close(module.model.readout.weight.detach(), whole, rtol=0, atol=1e-12)


def test_units_that_say_the_same_share_the_weight():
    x = drawn(8, 1, 1).expand(-1, -1, 2)
    weight, _ = learned(x, 6 * x[..., :1], ridge=0.0)
    torch.testing.assert_close(weight, torch.full((1, 2), 3.0, dtype=torch.float64))


def test_hebb_sums_outer_products():
    x = torch.tensor([[[1.0, 2.0]], [[0.0, 3.0]]], dtype=torch.float64)
    target = torch.tensor([[[5.0]], [[7.0]]], dtype=torch.float64)
    weight, bias = learned(x, target, readout="hebb")
    assert weight.tolist() == [[5.0, 31.0]]
    assert bias.tolist() == [0.0]
    again, _ = learned(x, target, batches=2, readout="hebb")
    assert torch.equal(again, 2 * weight)


def test_orthonormal_associations_are_retrieved_exactly():
    keys, values = torch.linalg.qr(drawn(6, 6))[0], drawn(6, 4)
    weight, _ = learned(keys[:, None], values[:, None], readout="hebb")
    torch.testing.assert_close(keys @ weight.T, values, rtol=0, atol=1e-12)


def test_only_scored_steps_after_the_washout_count():
    x, target = drawn(3, 6, 2), drawn(3, 6, 1)
    mask = drawn(3, 6) > 0
    weight, bias = learned(x, target, mask, washout=2, ridge=0.1)
    kept = mask.clone()
    kept[:, :2] = False
    same, same_bias = learned(x[kept][:, None], target[kept][:, None], ridge=0.1)
    torch.testing.assert_close(weight, same)
    torch.testing.assert_close(bias, same_bias)


def test_nothing_but_the_readout_moves_and_a_cell_without_gradients_will_do():
    module = module_of(Hebbian, OpaqueCell)
    before = {name: p.detach().clone() for name, p in module.model.named_parameters()}
    fit(Hebbian, module, 3)
    moved = {name for name, p in module.model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"readout.weight", "readout.bias"}


def test_the_sums_are_in_the_checkpoint(tmp_path):
    path, whole, rest = tmp_path / "half.ckpt", module_of(Hebbian), module_of(Hebbian)
    fit(Hebbian, whole, 6, SaveAt(3, path))
    fit(Hebbian, rest, 6, checkpoint=path)
    assert torch.equal(whole.squares, rest.squares)
    assert float(whole.squares[-1, -1]) == sum(
        int(Batches(whole.task, BATCH_SIZE, SEED, "train", 0, 1)[k].mask.sum()) for k in range(6)
    )


def test_a_model_without_a_readout_is_refused():
    task = Pairs(torch.zeros(1, 1, 2), torch.zeros(1, 1, 2))
    with pytest.raises(IncompatibleParts, match=r"choose model\.readout=linear"):
        Hebbian().lightning_module(Model(task, CellOf(Shown), readout="none"), task, 0)

"""Averages that are judged, and noise that goes as it came."""

import pytest
import torch

from recurra_bptt.averaging import Exponential, Stochastic
from recurra_bptt.noise import WeightNoise, disturb_gradients
from recurra_bptt.trainer import BPTT
from recurra_contract import ToyTask
from recurra_contract.harness import PlainCell, SaveAt, fit, module_of
from recurra_lab.training.optim import SGD

BATCHES = 6


def run(rule, batches=BATCHES, *callbacks, **options):
    module = module_of(lambda: rule, PlainCell)
    fit(lambda: rule, module, batches, *callbacks, **options)
    return module


def bias(model):
    return model.readout.bias.detach().clone()


def course(rule):
    """The readout's bias after each number of batches: the same training, stopped earlier."""
    return [bias(run(rule, n).model) for n in range(1, BATCHES + 1)]


@pytest.mark.parametrize("k1", [None, 5])
def test_a_moving_average_follows_the_weights(k1):
    plain = course(BPTT(optimizer=SGD(lr=0.1), k1=k1))
    found = bias(run(BPTT(optimizer=SGD(lr=0.1), k1=k1, averaging=Exponential(decay=0.75))).evaluated_model)
    expected = plain[0]  # the first is taken as it is
    for value in plain[1:]:
        expected = 0.75 * expected + 0.25 * value
    torch.testing.assert_close(found, expected)


def test_the_mean_of_the_weights_since_a_number_of_batches():
    plain = course(BPTT(optimizer=SGD(lr=0.1)))
    found = bias(run(BPTT(optimizer=SGD(lr=0.1), averaging=Stochastic(start=4))).evaluated_model)
    torch.testing.assert_close(found, torch.stack(plain[4:]).mean(0))


def test_before_there_is_an_average_the_weights_are_judged():
    module = run(BPTT(averaging=Stochastic(start=100)))
    assert module.evaluated_model is module.model


def test_the_average_is_in_the_checkpoint(tmp_path):
    rule, path = BPTT(averaging=Exponential(decay=0.5)), tmp_path / "half.ckpt"
    whole = run(rule, BATCHES, SaveAt(3, path))
    rest = run(rule, BATCHES, checkpoint=path)
    assert torch.equal(bias(whole.evaluated_model), bias(rest.evaluated_model))
    assert not torch.equal(bias(whole.evaluated_model), bias(whole.model))


def test_the_average_learns_nothing_itself():
    module = run(BPTT(averaging=Exponential()))
    assert not any(p.requires_grad for p in module.average.parameters())
    taught = [p for group in module.optimizers().param_groups for p in group["params"]]
    assert len(taught) == len(list(module.model.parameters()))


def test_noise_on_weights_goes_to_the_bit():
    weight = torch.nn.Parameter(torch.randn(1000))
    before, noise = weight.detach().clone(), WeightNoise([weight], 0.075)
    noise.add(1, 2)
    assert float((weight.detach() - before).std()) == pytest.approx(0.075, rel=0.1)
    noise.add(1, 2)  # once is enough
    assert float((weight.detach() - before).std()) == pytest.approx(0.075, rel=0.1)
    noise.remove()
    assert torch.equal(weight.detach(), before)


@pytest.mark.parametrize("k1", [None, 2])
def test_gradients_are_taken_where_the_noise_put_the_weights(k1):
    quiet, noisy = (
        bias(run(BPTT(optimizer=SGD(lr=0.1), k1=k1, weight_noise=n), 1).model) for n in (0.0, 0.5)
    )
    assert not torch.equal(quiet, noisy)
    assert torch.allclose(quiet, noisy, atol=1)  # but the weights themselves are not
    again = bias(run(BPTT(optimizer=SGD(lr=0.1), k1=k1, weight_noise=0.5), 1).model)
    assert torch.equal(noisy, again)


def test_noise_on_gradients_falls_with_the_updates():
    weight, spreads = torch.nn.Parameter(torch.zeros(20_000)), []
    for k in (0, 99):
        weight.grad = torch.zeros(20_000)
        disturb_gradients([weight], 0.3, 1, k)
        spreads.append(float(weight.grad.var()))
    assert spreads == pytest.approx([0.3, 0.3 / 100**0.55], rel=0.05)


def test_noise_is_that_of_the_seed_and_the_batch():
    def drawn(seed, k):
        weight = torch.nn.Parameter(torch.zeros(3))
        weight.grad = torch.zeros(3)
        disturb_gradients([weight], 1.0, seed, k)
        return weight.grad

    assert torch.equal(drawn(1, 2), drawn(1, 2))
    assert not torch.equal(drawn(1, 2), drawn(1, 3))
    assert not torch.equal(drawn(1, 2), drawn(2, 2))


def test_a_parameter_without_a_gradient_gets_none():
    weight = torch.nn.Parameter(torch.zeros(3))
    disturb_gradients([weight], 1.0, 0, 0)
    assert weight.grad is None


def test_it_learns_with_all_of_it():
    rule = BPTT(weight_noise=0.01, gradient_noise=0.001, averaging=Exponential(decay=0.9), k1=2, k2=4)
    module = run(rule, 80)
    batch = ToyTask().batch(0, batch_size=64, seed=9, split="validation")
    with torch.no_grad():
        loss = module.task.loss(module.evaluated_model(batch.x, lengths=batch.lengths)[0], batch)
    assert float(loss) < 0.7

"""Averages that are judged, and noise that goes as it came."""

import pytest
import torch
from pytorch_lightning import Callback

from recurra_bptt.averaging import Exponential, Stochastic
from recurra_bptt.noise import WeightNoise, disturb_gradients
from recurra_bptt.trainer import BPTT
from recurra_contract import ToyTask
from recurra_contract.harness import PlainCell, SaveAt, fit, module_of
from recurra_lab.training.optim import SGD

BATCHES = 6
WINDOWS = 3
"""Of two steps, in the five of a batch."""


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


class Updates(Callback):
    """Keeps the gradient of the readout's bias at each update, one for `every` batches."""

    def __init__(self, every=1):
        self.gradients, self.every = [], every

    def on_train_start(self, trainer, pl_module):
        trainer.accumulate_grad_batches = self.every
        bias = pl_module.model.readout.bias
        trainer.optimizers[0].register_step_post_hook(lambda *_: self.gradients.append(bias.grad.clone()))


def still(**options):
    """A rule that never moves the weights, so that all that differs is the noise."""
    return BPTT(optimizer=SGD(lr=1e-30), clip_norm=None, **options)


@pytest.mark.parametrize("k1", [None, 2])
def test_weights_are_disturbed_in_every_window_by_a_noise_of_its_own(k1):
    rule, seen = still(k1=k1, weight_noise=0.5), []
    module = module_of(lambda: rule, PlainCell)
    before = bias(module.model)
    module.model.register_forward_pre_hook(lambda model, _: seen.append(bias(model)))
    fit(lambda: rule, module, 2)
    assert len(seen) == 2 * (1 if k1 is None else WINDOWS)
    assert not any(torch.equal(value, before) for value in seen)
    assert len({tuple(value.tolist()) for value in seen}) == len(seen)
    torch.testing.assert_close(bias(module.model), before, atol=1e-20, rtol=0)


@pytest.mark.parametrize(("k1", "every", "updates"), [(None, 1, 4), (2, 1, 11), (None, 2, 2)])
def test_noise_on_gradients_is_drawn_and_falls_by_the_update(k1, every, updates):
    quiet, noisy = Updates(every), Updates(every)
    for noise, seen in ((0.0, quiet), (0.3, noisy)):
        module = run(still(k1=k1, gradient_noise=noise), 4, seen)
    assert len(noisy.gradients) == updates  # of 12 windows one has nothing to score
    for k, (without, with_it) in enumerate(zip(quiet.gradients, noisy.gradients, strict=True)):
        parameters = [torch.nn.Parameter(torch.zeros_like(p)) for p in module.model.parameters()]
        for parameter in parameters:
            parameter.grad = torch.zeros_like(parameter)
        disturb_gradients(parameters, 0.3, module.seed, k)
        torch.testing.assert_close(with_it - without, parameters[-1].grad)


def test_the_number_of_updates_is_in_the_checkpoint(tmp_path):
    path, whole, rest = tmp_path / "half.ckpt", Updates(), Updates()
    run(still(k1=2, gradient_noise=0.3), 4, SaveAt(2, path), whole)
    run(still(k1=2, gradient_noise=0.3), 4, rest, checkpoint=path)
    assert [g.tolist() for g in whole.gradients[-len(rest.gradients) :]] == [
        g.tolist() for g in rest.gradients
    ]
    assert 0 < len(rest.gradients) < len(whole.gradients)

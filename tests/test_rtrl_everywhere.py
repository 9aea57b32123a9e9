"""Real-time recurrent learning finds the gradient of back-propagation, for every installed cell."""

from unittest.mock import Mock

import pytest
import torch

from recurra import IncompatibleParts, Ref, sequence
from recurra.plugins.registry import components, load
from recurra_contract import ToyTask
from recurra_contract.harness import SEED, seeded
from recurra_lab import Model

CELLS = [offer.component.name for offer in components("cell")]
ROWS = 3


class Tokens(ToyTask):
    """Reads which number of each vector is the largest."""

    input_kind = "tokens"

    def sample(self, batch_size, rng):
        batch = super().sample(batch_size, rng)
        return batch._replace(x=batch.x.argmax(-1))


def module_of(task, cell, **options):
    """Return the module of a model in float64, or skip what the rule or the model refuses."""
    try:
        with seeded():
            model = Model(task, Ref("cell", cell, **load("cell", cell).contract_options), **options).double()
        return load("trainer", "rtrl")(update="batch").lightning_module(model, task, SEED)
    except IncompatibleParts as refused:
        pytest.skip(str(refused))


def batch_of(task):
    batch = task.batch(0, batch_size=ROWS, seed=SEED, split="train")
    return batch._replace(x=batch.x.double() if batch.x.is_floating_point() else batch.x)


def carried_forward(module, batch, monkeypatch):
    """Return the gradient that an update would use, and the loss."""
    module.log = lambda *args, **kwargs: None
    monkeypatch.setattr(type(module), "lr_schedulers", lambda self: Mock())
    monkeypatch.setattr(type(module), "_update", lambda self: None)
    loss = module.training_loss(batch)
    return module.gradient, loss


def through_time(module, batch):
    """Return the gradient of the loss of the whole sequence, and the loss."""
    y, state = module.model(batch.x, lengths=batch.lengths)
    loss = module.loss_of(y, state, batch)
    weights = module.learning
    return torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True), loss.detach()


def check(module, monkeypatch):
    batch = batch_of(module.task)
    (found, loss), (wanted, whole) = carried_forward(module, batch, monkeypatch), through_time(module, batch)
    assert len(found) == len([p for p in module.model.parameters() if p.requires_grad])
    assert any(bool(gradient.any()) for gradient in wanted)
    torch.testing.assert_close(loss, whole, rtol=1e-9, atol=1e-10)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_is_that_of_back_propagation(cell, monkeypatch):
    check(module_of(ToyTask(), cell), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_so_is_that_of_the_compiled_recurrence(cell, monkeypatch):
    with sequence.using("native"):
        check(module_of(ToyTask(), cell), monkeypatch)


@pytest.mark.parametrize(
    "options", [{"layers": 2}, {"learned_initial_state": True}, {"layers": 2, "skip": True}]
)
@pytest.mark.parametrize("level", ["loop", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize("cell", ["elman", "gru", "lstm"])
def test_so_it_is_of_whole_models(cell, options, level, monkeypatch):
    with sequence.using(level):
        check(module_of(ToyTask(), cell, **options), monkeypatch)


@pytest.mark.parametrize("level", ["loop", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize("cell", ["elman", "lstm-1997"])
def test_so_it_is_of_an_embedding(cell, level, monkeypatch):
    with sequence.using(level):
        check(module_of(Tokens(), cell, embedding_size=3), monkeypatch)

"""The compiled rule of the LSTM paper: against autograd, against the Python rule, and what it refuses."""

from types import SimpleNamespace

import pytest
import torch

from recurra import Batch, IncompatibleParts, using
from recurra.config.ref import Ref
from recurra_lab import Experiment, Model
from recurra_lstm.original import LSTM1997
from recurra_rtrl import recurra_experiments
from recurra_rtrl.memory_blocks import MemoryBlocks
from recurra_rtrl.trainer import RTRL
from recurra_rtrl.truncated import TruncatedRTRL

FORMS = {
    "experiment 1": {"blocks": 2, "block_size": 2},
    "all biases": {"blocks": 3, "block_size": 1, "biases": "all", "init_range": 0.5},
    "experiment 2a": {
        "blocks": 1,
        "block_size": 1,
        "output_gate": False,
        "biases": "none",
        "shows_input": True,
        "cells_feed_back": False,
        "gates_feed_back": False,
        "g": "logistic",
        "h": "identity",
    },
    "forget gates and peepholes": {"blocks": 2, "block_size": 2, "forget_gate": True, "peepholes": True},
}


def drawn(scored, *, outputs=2):
    """Return two sequences of other lengths, some steps of which are scored."""
    rng = torch.Generator().manual_seed(1)
    lengths = torch.tensor([9, 6])
    mask = (torch.rand(2, 9, generator=rng) < scored) & (torch.arange(9) < lengths[:, None])
    mask[:, 5] = True
    x = torch.randn(2, 9, 3, generator=rng) * (torch.rand(2, 9, 3, generator=rng) < 0.7)
    return Batch(x, torch.rand(2, 9, outputs, generator=rng), mask, lengths)


class Given:
    """A task with one batch, whose loss is the mean squared error of logistic outputs."""

    input_size, output_size, input_kind, causal = 3, 2, "vectors", False

    def __init__(self, batch):
        self.given = batch

    def supervised(self):
        return self

    def continues_previous(self, k, **_):
        return False

    def batch(self, k, **_):
        return self.given

    def loss(self, y, batch):
        return (torch.sigmoid(y) - batch.target)[batch.mask].square().mean()


def model_of(task, options):
    torch.manual_seed(0)
    return Model(task, Ref("cell", "lstm-1997", **options), readout_init_range=0.5).double()


def learned(task, options, **rule):
    """Return the weights after one batch, by the rule, and what it recorded."""
    model = model_of(task, options)
    module = TruncatedRTRL(**rule).lightning_module(model, task, 0)
    module.batches_seen += 1
    module.record = lambda y, batch: setattr(module, "outputs", y)
    module.training_loss(task.given)
    return [p.detach() for p in model.parameters()], module.outputs


def descended(task, options, *, lr, momentum=0.0):
    """Return the weights after one step of SGD per sequence, by autograd."""
    model = model_of(task, options)
    sgd, batch = torch.optim.SGD(model.parameters(), lr, momentum=momentum), task.given
    for b, steps in enumerate(batch.lengths.tolist()):
        x, target, mask = (part[b : b + 1, :steps] for part in (batch.x.double(), batch.target, batch.mask))
        with using("loop"):
            y, _ = model(x)
        sgd.zero_grad()
        ((torch.sigmoid(y) - target)[mask].square().sum() / 2).backward()
        sgd.step()
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize("options", FORMS.values(), ids=list(FORMS))
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_sequence_is_one_step_of_gradient_descent_on_the_truncated_gradient(options, momentum):
    task = Given(drawn(0.4))
    found, _ = learned(task, options, lr=0.7, momentum=momentum)
    for ours, theirs in zip(found, descended(task, options, lr=0.7, momentum=momentum), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def stepwise(task, options, lr):
    """Return the weights after an update at every scored step, by `rtrl` on one sequence at a time."""
    model, batch = model_of(task, options), task.given
    for b, steps in enumerate(batch.lengths.tolist()):
        row = Batch(*(part[b : b + 1, :steps] for part in batch[:3]), batch.lengths[b : b + 1])
        scale = row.mask.sum() * task.output_size / 2  # `rtrl` takes the mean of the squared errors
        module = RTRL(update="step").lightning_module(model, task, 0)
        sgd = torch.optim.SGD(model.parameters(), lr * float(scale))
        module.optimizers, module.lr_schedulers = lambda sgd=sgd: sgd, lambda: SimpleNamespace(step=int)
        module.record = lambda y, batch: None
        module.training_loss(row._replace(x=row.x.double()))
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize("options", FORMS.values(), ids=list(FORMS))
def test_at_every_step_traces_are_carried_on_past_the_updates(options):
    task = Given(drawn(0.6))
    found, _ = learned(task, options, lr=0.7, update="step")
    for ours, theirs in zip(found, stepwise(task, options, 0.7), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_outputs_are_those_before_each_update():
    task = Given(drawn(0.4))
    _, outputs = learned(task, FORMS["experiment 1"], lr=0.7)
    model = model_of(task, FORMS["experiment 1"])
    with using("loop"):
        y, _ = model(task.given.x.double(), lengths=task.given.lengths)
    scored = task.given.mask[0]
    torch.testing.assert_close(outputs[0, scored], y[0, scored].detach())
    assert not torch.allclose(outputs[1, 5], y[1, 5])  # the first sequence has been learned by then


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["adding", "gru"], "teaches one layer of memory cell blocks, and GRU is something else"),
        (
            ["adding", "lstm-1997", "cell.truncated=false"],
            "has no whole gradient; choose cell.truncated=true",
        ),
        (["adding", "lstm-1997", "model.layers=2"], "one layer of memory cell blocks, and Stacked"),
        (["temporal-order", "lstm-1997", "task.loss=cross-entropy"], "loss of TemporalOrder is another"),
    ],
)
def test_what_it_cannot_teach_is_refused(words, message):
    experiment = Experiment.compose(*words[:2], overrides=["trainer=truncated-rtrl", *words[2:]])
    task = experiment.make_task()
    with pytest.raises(IncompatibleParts, match=message):
        experiment.make_trainer().lightning_module(experiment.make_model(task), task, 0)


def test_the_lstm_of_1997_has_memory_blocks():
    assert isinstance(LSTM1997(3), MemoryBlocks)


COUNTS = {
    "1-reber-4x1-lr01": 264,
    "1-reber-3x2-lr05": 276,
    "2a-p100": 10504,
    "2c-q50": 364,
    "2c-q1000": 6064,
    "2c-q1000-p500": 3064,
    "3a-t100-n3": 102,
    "4-adding-t100": 93,
    "5-multiplication-140": 93,
    "6a-temporal-order": 156,
    "6b-temporal-order": 308,
}
"""Numbers of weights in the tables of the LSTM paper."""


@pytest.mark.parametrize("name", COUNTS)
def test_networks_have_as_many_weights_as_in_the_paper(name):
    (path,) = [path for path in recurra_experiments() if path.stem == name]
    experiment = Experiment.from_toml(path)
    model = experiment.make_model(experiment.make_task())
    assert sum(p.numel() for p in model.parameters()) == COUNTS[name]

"""The trainer: its options, its updates, and what it refuses."""

import pytest
import torch

from readouts import Shown
from recurra import Batch, GeneratedTask, Goal, IncompatibleParts, InvalidOption, Score, Tags
from recurra_bptt.trainer import BPTT
from recurra_lab import AdaGrad, Adam, Constant, Model
from recurra_lab.training.optim import SGD, Cosine, Graves, GravesRMSProp, OneCycle, RMSprop, Step


class Sum(GeneratedTask):
    """Learn y = 3 x, so that gradients can be worked out by hand."""

    stream = "Sum"
    goal = Goal("error", below=0.1)

    def __init__(self):
        super().__init__(1, 1)

    def sample(self, batch_size, rng):
        x = torch.ones(batch_size, 1, 1)
        return Batch(
            x, 3 * x, torch.ones(batch_size, 1, dtype=torch.bool), torch.ones(batch_size, dtype=torch.long)
        )

    def loss(self, y, batch):
        return (y - batch.target).square().mean() / 2

    def scores(self, y, batch):
        return {"error": Score(float((y - batch.target).abs().sum()), y.shape[0])}


class Guessed(Shown):
    tags = Tags(differentiable=False)


def model_of(cell):
    class Parts:
        def build(self, *wiring):
            return cell(*wiring)

    model = Model(Sum(), Parts())
    torch.nn.init.ones_(model.readout.weight)
    return model


def module(cell=Shown, **options):
    task = Sum()
    made = BPTT(**options).lightning_module(model_of(cell), task, seed=0)
    made.log = lambda *args, **kwargs: None
    made.max_updates = 100
    return made, task.batch(0, batch_size=2, seed=0, split="train")


def one_update(**options):
    made, batch = module(**{"readout_lr_scale": 1.0, **options})
    optimizer = made.configure_optimizers()["optimizer"]
    made.training_step(batch, 0).backward()
    made.configure_gradient_clipping(optimizer)
    optimizer.step()
    return made.model.readout


class TestUpdates:
    # With w = 1, b = 0 and x = 1 the error is 1 - 3 = -2, so both gradients are -2 and their norm is sqrt(8).

    def test_sgd_without_clipping(self):
        readout = one_update(optimizer=SGD(lr=0.1), clip_norm=None)
        assert readout.weight.item() == pytest.approx(1.2)
        assert readout.bias.item() == pytest.approx(0.2)

    def test_clipping_by_norm(self):
        readout = one_update(optimizer=SGD(lr=0.1), clip_norm=1.0)
        assert readout.weight.item() == pytest.approx(1 + 0.1 * 2 / 8**0.5, rel=1e-5)

    def test_clipping_by_value(self):
        readout = one_update(optimizer=SGD(lr=0.1), clip_norm=None, clip_value=0.5)
        assert readout.bias.item() == pytest.approx(0.05)

    def test_the_readout_can_learn_faster(self):
        readout = one_update(optimizer=SGD(lr=0.1), clip_norm=None, readout_lr_scale=3.0)
        assert readout.bias.item() == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("choice", "kind"),
    [
        (Adam(), torch.optim.AdamW),
        (SGD(), torch.optim.SGD),
        (RMSprop(), torch.optim.RMSprop),
        (Graves(), GravesRMSProp),
        (AdaGrad(), torch.optim.Adagrad),
    ],
)
def test_each_optimizer_is_built_and_learns(choice, kind):
    made, _ = module(optimizer=choice)
    assert type(made.configure_optimizers()["optimizer"]) is kind
    assert one_update(optimizer=choice).bias.item() > 0


def rates(schedule, steps, updates=None):
    made, _ = module(optimizer=SGD(lr=1.0), schedule=schedule)
    made.max_updates = updates
    configured = made.configure_optimizers()
    seen = []
    for _ in range(steps):
        seen.append(configured["optimizer"].param_groups[0]["lr"])
        configured["optimizer"].step()
        configured["lr_scheduler"]["scheduler"].step()
    return seen


class TestSchedules:
    def test_constant(self):
        assert rates(Constant(), 3) == [1, 1, 1]

    def test_warmup(self):
        assert rates(Constant(warmup=3), 5) == [0.25, 0.5, 0.75, 1, 1]

    def test_cosine(self):
        assert rates(Cosine(steps=2, floor=0.2), 3) == pytest.approx([1, 0.6, 0.2])

    def test_a_length_that_is_not_given_is_that_of_the_run(self):
        assert rates(Cosine(floor=0.2), 3, updates=2) == pytest.approx([1, 0.6, 0.2])
        assert max(rates(OneCycle(), 10, updates=10)) == pytest.approx(1.0)

    def test_a_length_that_nobody_knows_is_refused(self):
        with pytest.raises(InvalidOption, match="steps must be set"):
            rates(Cosine(), 1)

    def test_step(self):
        assert rates(Step(every=2, factor=0.5), 5) == pytest.approx([1, 1, 0.5, 0.5, 0.25])

    def test_one_cycle_peaks_at_the_full_rate(self):
        assert max(rates(OneCycle(steps=10), 10)) == pytest.approx(1.0)


def test_a_cell_that_is_not_differentiable_is_refused():
    with pytest.raises(IncompatibleParts, match="needs a differentiable cell, and Guessed is not"):
        module(cell=Guessed)


@pytest.mark.parametrize(
    ("option", "value"), [("clip_norm", 0.0), ("clip_value", -1.0), ("readout_lr_scale", "2")]
)
def test_an_option_out_of_range_is_refused(option, value):
    with pytest.raises(InvalidOption, match=option):
        BPTT(**{option: value})

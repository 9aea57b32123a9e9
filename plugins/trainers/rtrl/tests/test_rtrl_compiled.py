"""The compiled recurrence: equal to torch's transforms, and the approximations that are built on it."""

import pytest
import torch
from torch import nn

from recurra import Batch, Cell, IncompatibleParts, Ref, sequence
from recurra_contract import ToyTask
from recurra_contract.harness import CellOf, PlainCell, fit, model_of
from recurra_lab import Model
from recurra_lab.training.optim import SGD
from recurra_rtrl.trainer import RTRL
from regression import Regression

DOUBLE = torch.float64


class Pairs(Cell):
    """Two states for each unit, c' = a c + tanh(W x + U h), h' = tanh(c'), in which units feel h."""

    def __init__(self, input_size, width=3):
        super().__init__(input_size, width)
        self.W, self.U = nn.Linear(input_size, width, bias=False), nn.Linear(width, width, bias=False)

    def initial_state(self, batch_size):
        return self.zeros(batch_size, 3), self.zeros(batch_size, 3)

    def step(self, x, state):
        c, h = state
        c = 0.7 * c + torch.tanh(self.W(x) + self.U(h))
        h = torch.tanh(c)
        return h, (c, h)


class Quiet(RTRL):
    """Its module logs nothing and has no schedule, so that it runs without a `pl.Trainer`."""

    def lightning_module(self, model, task, seed):
        module = super().lightning_module(model, task, seed)
        module.log = lambda *args, **kwargs: None
        module.lr_schedulers = lambda: type("Still", (), {"step": lambda self: None})()
        return module


def drawn(rows=3, steps=6, inputs=2, outputs=3, lengths=None):
    rng = torch.Generator().manual_seed(1)
    lengths = torch.full((rows,), steps) if lengths is None else torch.tensor(lengths)
    x = torch.randn(rows, steps, inputs, generator=rng, dtype=DOUBLE)
    mask = torch.arange(steps) < lengths[:, None]
    return Batch(x, torch.rand(rows, steps, outputs, generator=rng, dtype=DOUBLE), mask, lengths)


def module_of(cell, batch, *, readout="linear", model=(), **options):
    """Return a module in float64."""
    task = Regression(batch)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = cell if isinstance(cell, Ref) else CellOf(cell)
        network = Model(task, made, readout=readout, **dict(model)).double()
    return Quiet(**options).lightning_module(network, task, 0)


def gradient(module, batch):
    """Return the gradient of one batch and whether the engine has found it."""
    module._update = lambda: None
    module.training_loss(batch)
    return module.gradient, module.compiled


def updated(cell, batch, level, **options):
    """Return the weights after two batches, and whether the engine ran."""
    with sequence.using(level):
        module = module_of(cell, batch, optimizer=SGD(lr=0.1), **options)
        optimizer = torch.optim.SGD(module.parameters(), 0.1)
        module.optimizers = lambda: optimizer
        for _ in range(2):
            module.batches_seen += 1
            module.training_loss(batch)
    return [p.detach() for p in module.model.parameters()], module.compiled


def assert_same(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


LONG = pytest.mark.slow
FORMS = [
    (PlainCell, {"update": "step"}),
    pytest.param(PlainCell, {"update": "step", "gradient": "uoro"}, marks=LONG),
    pytest.param(Pairs, {"update": "batch", "gradient": "uoro"}, marks=LONG),
    pytest.param(Ref("cell", "lstm-1997", blocks=2, block_size=2), {"update": "step"}, marks=LONG),
    pytest.param(Ref("cell", "gru", hidden_size=3), {"update": "step", "model": {"layers": 2}}, marks=LONG),
    pytest.param(PlainCell, {"update": "step", "model": {"learned_initial_state": True}}, marks=LONG),
    pytest.param(
        Ref("cell", "fully-recurrent", hidden_size=4, outputs=3),
        {"update": "step", "teacher_forcing": True, "readout": "none"},
        marks=LONG,
    ),
]


@pytest.mark.parametrize(("cell", "options"), FORMS)
def test_it_learns_what_torchs_transforms_learn(cell, options):
    batch = drawn(lengths=[6, 0, 4])
    (found, compiled), (wanted, by_torch) = (updated(cell, batch, at, **options) for at in ("native", "loop"))
    assert compiled
    assert not by_torch
    assert_same(found, wanted)


@pytest.mark.parametrize("level", ["native", "loop"])
def test_a_batch_without_scored_steps_has_no_gradient(level):
    batch = drawn(lengths=[0, 0, 0])
    with sequence.using(level):
        found, _ = gradient(module_of(PlainCell, batch, update="batch"), batch)
    assert_same(found, [torch.zeros_like(part) for part in found])


def by_hand(cell, batch, rule):
    """Return the gradients of W and U, unit by unit, from what each rule keeps of D for the pair (c, h)."""
    W, U = cell.W.weight.detach(), cell.U.weight.detach()
    of_W, of_U = torch.zeros_like(W), torch.zeros_like(U)
    for x, target in zip(batch.x, batch.target, strict=True):
        c, h, J = torch.zeros(3).double(), torch.zeros(3).double(), torch.zeros(3, 2, 5).double()
        for x_t, target_t in zip(x, target, strict=True):
            a, net = torch.cat([x_t, h]), W @ x_t + U @ h
            c = 0.7 * c + net.tanh()
            h = c.tanh()
            slope, slope_h = 1 - net.tanh() ** 2, 1 - h**2
            for i in range(3):
                to_c = [0.7, 0.0 if rule == "e-prop" else float(slope[i] * U[i, i])]
                D = torch.tensor([to_c, [float(slope_h[i]) * d for d in to_c]], dtype=DOUBLE)
                D = D.diag().diag() if rule == "diagonal" else D
                J[i] = D @ J[i] + torch.stack([slope[i] * a, slope_h[i] * slope[i] * a])
                pulled = (h - target_t)[i] * J[i, 1]
                of_W[i] += pulled[:2]
                of_U[i] += pulled[2:]
    return [of_W / batch.mask.sum(), of_U / batch.mask.sum()]


@pytest.mark.parametrize(
    "rule", ["snap-1", pytest.param("diagonal", marks=LONG), pytest.param("e-prop", marks=LONG)]
)
def test_what_each_rule_keeps_by_hand(rule):
    batch = drawn()
    with sequence.using("native"):
        module = module_of(Pairs, batch, readout="none", gradient=rule, update="batch")
        found, compiled = gradient(module, batch)
    assert compiled
    assert_same(found, by_hand(module.model.sequencer, batch, rule))


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["exact", "snap-1", "diagonal", "e-prop"])
def test_units_that_do_not_feel_each_other_lose_nothing(rule):
    batch = drawn()
    with sequence.using("native"):
        module = module_of(Ref("cell", "min-gru", hidden_size=3), batch, gradient=rule, update="batch")
        found, _ = gradient(module, batch)
        y, _ = module.model(batch.x, lengths=batch.lengths)
        loss = module.task_loss(y, batch)
    assert_same(found, torch.autograd.grad(loss, module.learning))


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["exact", "snap-1", "diagonal", "e-prop", "uoro"])
def test_it_learns_in_a_run(rule):
    def once():
        return RTRL(gradient=rule)

    with sequence.using("native"):
        task = ToyTask()
        module = once().lightning_module(model_of(task, PlainCell), task, 3)
        before = fit(once, module, 1).callback_metrics["train/loss"]
        after = fit(once, module, 60).callback_metrics["train/loss"]
    assert module.compiled
    assert after < before


class Stream(ToyTask):
    """Each batch goes on where the last one ended."""

    def continues_previous(self, k, *, batch_size, seed, split):
        return True


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["exact", "uoro"])
def test_a_stream_goes_on_from_a_checkpoint(rule):
    batch = drawn(outputs=2)

    def streaming():
        module = module_of(PlainCell, batch, gradient=rule, update="batch")
        module.task = Stream(size=2)
        module.task.loss = Regression(batch).loss
        return module

    with sequence.using("native"):
        first, second = streaming(), streaming()
        gradient(first, batch)
        checkpoint = {}
        first.all_gather = lambda rows: rows
        first.on_save_checkpoint(checkpoint)
        second.on_load_checkpoint(checkpoint)
        for module in (first, second):
            module.batches_seen.fill_(1)
            module.gradient = []
        assert_same(gradient(second, batch)[0], gradient(first, batch)[0])


@pytest.mark.slow
def test_a_stream_cannot_change_between_engine_and_torch():
    batch = drawn(outputs=2)
    module = module_of(PlainCell, batch, update="batch")
    module.task = Stream(size=2)
    module.task.loss = Regression(batch).loss
    with sequence.using("native"):
        gradient(module, batch)
    module.batches_seen.fill_(1)
    with (
        sequence.using("loop"),
        pytest.raises(IncompatibleParts, match="carried by the engine, which cannot"),
    ):
        gradient(module, batch)


def test_a_rule_that_needs_the_engine_is_refused_without_it():
    sentence = r"gradient = snap-1 works only where the engine derives it, .*; choose gradient=exact or uoro"
    with sequence.using("loop"), pytest.raises(IncompatibleParts, match=sentence):
        gradient(module_of(PlainCell, drawn(), gradient="snap-1"), drawn())

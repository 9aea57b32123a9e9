"""Real-time recurrent learning: exact, on the LSTM of 1997, estimated, with forced units, in a stream."""

import pytest
import torch
from torch import nn

from recurra import Batch, Cell, IncompatibleParts, InvalidOption
from recurra.plugins.registry import load
from recurra_contract import ToyTask
from recurra_contract.harness import CellOf, PlainCell, fit, model_of
from recurra_lab import LBFGS, Model
from recurra_lab.training.optim import SGD
from recurra_rtrl import influence
from recurra_rtrl.trainer import RTRL
from regression import Regression

DOUBLE = torch.float64


def drawn(rows, steps, inputs, outputs, *, lengths=None, scored=0.7):
    """Return a batch of random numbers, some steps of which are scored."""
    rng = torch.Generator().manual_seed(1)
    lengths = torch.full((rows,), steps) if lengths is None else torch.tensor(lengths)
    mask = (torch.rand(rows, steps, generator=rng) < scored) & (torch.arange(steps) < lengths[:, None])
    x = torch.randn(rows, steps, inputs, generator=rng, dtype=DOUBLE)
    return Batch(x, torch.rand(rows, steps, outputs, generator=rng, dtype=DOUBLE), mask, lengths)


def made(cell, batch, readout="linear", **options):
    """Return the module of a model in float64, which learns from one batch."""
    task = Regression(batch)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Model(task, CellOf(cell), readout=readout).double()
    return RTRL(**{"update": "batch", **options}).lightning_module(model, task, 0)


def gradient_of(module, batch):
    """Return what the module would update its weights by, and the loss."""
    module.log = lambda *args, **kwargs: None
    module.lr_schedulers = lambda: torch.optim.lr_scheduler.LRScheduler.__new__(Still)
    module._update = lambda: None
    loss = module.training_loss(batch)
    found, module.gradient = module.gradient, []
    return found, loss


class Still(torch.optim.lr_scheduler.LRScheduler):
    def step(self):
        pass


def through_time(module, batch):
    """Return the gradient that autograd finds over the whole sequence, and the loss."""
    y, state = module.model(batch.x, lengths=batch.lengths)
    loss = module.loss_of(y, state, batch)
    return torch.autograd.grad(loss, module.learning, allow_unused=True, materialize_grads=True), loss


def assert_same(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


def test_one_weight_by_hand():
    """h' = w h + x, the loss h²/2 at each of three steps: J' = h + w J."""

    class Decays(Cell):
        def __init__(self, input_size):
            super().__init__(input_size, 1)
            self.w = nn.Parameter(torch.tensor(0.5))

        def initial_state(self, batch_size):
            return self.zeros(batch_size, 1)

        def step(self, x, h):
            h = self.w * h + x
            return h, h

    ones = torch.ones(1, 3, 1, dtype=DOUBLE)
    batch = Batch(ones, 0 * ones, ones[..., 0] > 0, torch.tensor([3]))
    (found,), loss = gradient_of(made(Decays, batch, readout="none"), batch)
    h = (1.0, 1.5, 1.75)
    J = (0.0, 1.0, 1.5 + 0.5 * 1.0)
    assert float(found) == pytest.approx(sum(a * b for a, b in zip(h, J, strict=True)) / 3)
    assert float(loss) == pytest.approx(sum(a * a for a in h) / 6)


@pytest.mark.parametrize("lengths", [None, [7, 0, 3]])
def test_the_gradient_is_that_of_the_whole_sequence(lengths):
    batch = drawn(3, 7, 2, 3, lengths=lengths)
    module = made(PlainCell, batch)
    (found, loss), (wanted, whole) = gradient_of(module, batch), through_time(module, batch)
    assert_same(found, wanted)
    assert float(loss) == pytest.approx(float(whole.detach()))


def lstm_1997(input_size):
    return load("cell", "lstm-1997")(input_size, blocks=2, block_size=2, biases="none", init_range=1.0)


def test_on_the_lstm_of_1997_it_is_the_rule_of_that_paper():
    """Its appendix, equation by equation, one sequence, step by step, beside what is carried forward here."""
    batch = drawn(1, 6, 3, 2)
    module = made(lstm_1997, batch)
    found, _ = gradient_of(module, batch)
    W, (V, b) = module.model.sequencer.weights.weight.detach(), module.model.readout.parameters()
    V, b, count = V.detach(), b.detach(), float(batch.mask.sum())
    y_c, gates, s = torch.zeros(4).double(), torch.zeros(4).double(), torch.zeros(4).double()
    of_block = torch.tensor([0, 0, 1, 1])
    D_in, D_c = torch.zeros(4, 11).double(), torch.zeros(4, 11).double()
    by_hand = torch.zeros_like(W)
    by_V = torch.zeros_like(V)
    for t in range(6):
        u = torch.cat([batch.x[0, t], y_c, gates])
        net = W @ u
        net_c, y_in, y_out = net[:4], net[4:6].sigmoid(), net[6:].sigmoid()
        g, slope_g = 4 * net_c.sigmoid() - 2, 4 * net_c.sigmoid() * (1 - net_c.sigmoid())
        slope_in, slope_out = y_in * (1 - y_in), y_out * (1 - y_out)
        D_in = D_in + (g * slope_in[of_block])[:, None] * u
        D_c = D_c + (slope_g * y_in[of_block])[:, None] * u
        s = s + y_in[of_block] * g
        h, slope_h = 2 * s.sigmoid() - 1, 2 * s.sigmoid() * (1 - s.sigmoid())
        y_c, gates = y_out[of_block] * h, torch.cat([y_in, y_out])
        if batch.mask[0, t]:
            e_k = (batch.target[0, t] - (V @ y_c + b)) / count
            back = V.T @ e_k
            e_out = slope_out * torch.zeros(2).double().index_add(0, of_block, h * back)
            e_s = y_out[of_block] * slope_h * back
            by_V -= e_k[:, None] * y_c
            by_hand[:4] -= e_s[:, None] * D_c
            by_hand[4:6] -= torch.zeros(2, 11).double().index_add(0, of_block, e_s[:, None] * D_in)
            by_hand[6:] -= e_out[:, None] * u
    assert_same(found[:2], [by_hand, by_V])
    assert_same(found, through_time(module, batch)[0])


def test_an_estimate_of_rank_one_is_right_in_the_mean():
    batch = drawn(2, 4, 2, 2, scored=1.0)
    module = made(PlainCell, batch, gradient="uoro")
    wanted, _ = through_time(module, batch)
    drawings = []
    for k in range(300):
        module.batches_seen.fill_(k)
        drawings.append(torch.cat([g.flatten() for g in gradient_of(module, batch)[0]]))
    mean, error = torch.stack(drawings).mean(0), torch.stack(drawings).std(0) / len(drawings) ** 0.5
    exact = torch.cat([g.flatten() for g in wanted])
    assert ((mean - exact).abs() <= 4.5 * error + 1e-9).all()
    assert error.max() > 0
    shortened = torch.cat(
        [g.flatten() for g in gradient_of(made(PlainCell, batch, gradient="uoro"), batch)[0]]
    )
    assert not torch.allclose(shortened, exact)


@pytest.mark.parametrize("gradient", ["exact", "uoro"])
def test_weights_move_at_every_scored_step(gradient):
    batch = drawn(2, 5, 2, 2)
    module = made(PlainCell, batch, gradient=gradient, update="step", optimizer=SGD(lr=0.1))
    steps = []
    module._update = lambda: steps.append(bool(module.gradient))
    module.log = lambda *args, **kwargs: None
    module.lr_schedulers = lambda: Still.__new__(Still)
    module.training_loss(batch)
    assert len(steps) == 6  # after each step, and for the cells' own loss


class Stream(ToyTask):
    """Each batch goes on where the last one ended."""

    def continues_previous(self, k, *, batch_size, seed, split):
        return k % 4 != 0


def test_in_a_stream_it_knows_all_of_the_past():
    """Four batches of five steps give the gradient of one batch of twenty; BPTT's would end at each start."""
    long = drawn(2, 20, 2, 2, scored=1.0)
    module = made(PlainCell, long)
    wanted, _ = through_time(module, long)
    module.task = Stream(size=2)
    module.task.loss = Regression(long).loss
    found = None
    for k in range(4):
        module.batches_seen.fill_(k + 1)
        part, _ = gradient_of(module, long.steps(5 * k, 5 * k + 5))
        found = part if found is None else [a + b for a, b in zip(found, part, strict=True)]
    assert_same([g / 4 for g in found], wanted)
    assert module.handed_on is None


def fully_recurrent(input_size):
    return load("cell", "fully-recurrent")(
        input_size, hidden_size=4, outputs=2, activation="logistic", init_range=1.0
    )


def test_forced_units_pass_no_error_on():
    """Williams and Zipser's equation: p' = f'(s) [Σ w p + δ z], with p zero for units that were forced."""
    batch = drawn(1, 5, 2, 2)
    module = made(fully_recurrent, batch, readout="none", teacher_forcing=True)
    (found,), _ = gradient_of(module, batch)
    w, units, p = (
        module.model.sequencer.weights.detach(),
        torch.zeros(4).double(),
        torch.zeros(4, 4, 7).double(),
    )
    by_hand = torch.zeros_like(w)
    for t in range(5):
        z = torch.cat([batch.x[0, t], units, torch.ones(1).double()])
        y = (w @ z).sigmoid()
        p = torch.einsum("kl,lij->kij", w[:, 2:6], p) + torch.eye(4)[:, :, None] * z
        p = (y * (1 - y))[:, None, None] * p
        units = y.clone()
        if batch.mask[0, t]:
            e = batch.target[0, t] - y[:2]
            by_hand -= torch.einsum("k,kij->ij", e, p[:2]) / float(batch.mask.sum())
            units[:2], p[:2] = batch.target[0, t], 0
    assert_same([found], [by_hand])


def test_what_would_not_fit_is_refused_in_figures(monkeypatch):
    batch = drawn(3, 4, 2, 2)
    monkeypatch.setattr(influence, "MOST_BYTES", 1000)
    with pytest.raises(IncompatibleParts, match=r"a batch of 3, 4 numbers of state and \d+ weights; .*=uoro"):
        gradient_of(made(PlainCell, batch), batch)
    gradient_of(made(PlainCell, batch, gradient="uoro"), batch)


@pytest.mark.parametrize(
    ("model", "options", "sentence"),
    [
        ({"bidirectional": True}, {}, "choose model.bidirectional=false"),
        ({"zoneout": {"p": 0.5}}, {}, "switch dropout and zoneout off"),
        ({}, {"teacher_forcing": True}, "switch trainer.teacher_forcing off"),
    ],
)
def test_what_it_cannot_teach_is_refused(model, options, sentence):
    task = ToyTask()
    with pytest.raises(IncompatibleParts, match=sentence):
        RTRL(**options).lightning_module(Model(task, CellOf(PlainCell), **model), task, 0)


def test_an_optimiser_that_asks_again_is_refused():
    with pytest.raises(InvalidOption, match="choose adam, or trainer=bptt"):
        RTRL(optimizer=LBFGS())


def test_online_and_in_batches_it_learns():
    for options in ({"update": "step"}, {"update": "batch"}, {"gradient": "uoro"}):
        task, rule = ToyTask(), RTRL(**options)
        module = rule.lightning_module(model_of(task, PlainCell), task, 3)
        before = fit(lambda rule=rule: rule, module, 1).callback_metrics["train/loss"]
        after = fit(lambda rule=rule: rule, module, 60).callback_metrics["train/loss"]
        assert after < before

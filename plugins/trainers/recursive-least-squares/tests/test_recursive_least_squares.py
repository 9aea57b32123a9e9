"""RLS against closed forms, steps by hand, and FORCE on a sine that the network then generates by itself."""

import math

import numpy as np
import pytest
import torch

from readouts import Pairs, Shown
from recurra import IncompatibleParts, Ref
from recurra_contract.harness import CellOf, fit, module_of
from recurra_lab import Model
from recurra_recursive_least_squares.contract import Fed
from recurra_recursive_least_squares.trainers import FORCE, RLS


def drawn(*sizes, seed=1):
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def batches(task, count):
    return [task.batch(k, batch_size=len(task.x), seed=0, split="train") for k in range(count)]


def learned(x, target, mask=None, start=None, **options):
    """Return Wᵀ with the bias in the last row, (I + 1, O), after one batch; `start` is that before."""
    task = Pairs(x, target, mask)
    model = Model(task, CellOf(Shown)).double()
    if start is not None:
        with torch.no_grad():
            model.readout.weight.copy_(start[:-1].T)
            model.readout.bias.copy_(start[-1])
    module = RLS(**options).lightning_module(model, task, 0)
    module.log = lambda *args, **kwargs: None
    module.training_loss(batches(task, 1)[0])
    return torch.cat([model.readout.weight.T, model.readout.bias[None]]).detach()


def closed_form(h, d, start, penalty, weight):
    """The minimum of Σ w |W h - d|² + penalty |W - start|² by numpy: h (N, H + 1), d (N, O), w (N,)."""
    h, d, start, w = (part.numpy() for part in (h, d, start, weight))
    squares = h.T @ (w[:, None] * h) + penalty * np.eye(h.shape[1])
    return np.linalg.solve(squares, h.T @ (w[:, None] * d) + penalty * start)


@pytest.mark.parametrize("start", [torch.zeros(4, 2).double(), drawn(4, 2, seed=2)])
@pytest.mark.parametrize(("rows", "steps"), [(1, 20), (5, 4)])
def test_without_forgetting_it_is_ridge_regression(rows, steps, start):
    x, target = drawn(rows, steps, 3), drawn(rows, steps, 2)
    found = learned(x, target, start=start, penalty=0.3)
    h = torch.cat([x, torch.ones_like(x[..., :1])], -1).flatten(0, 1)
    expected = closed_form(h, target.flatten(0, 1), start, 0.3, torch.ones(len(h)).double())
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-13)


def test_with_forgetting_the_past_fades():
    x, target, start = drawn(2, 15, 3), drawn(2, 15, 2), drawn(4, 2, seed=2)
    found = learned(x, target, start=start, penalty=0.3, forgetting=0.9)
    h = torch.cat([x, torch.ones_like(x[..., :1])], -1).flatten(0, 1)
    fading = (0.9 ** (14 - torch.arange(15.0).double())).repeat(2)
    expected = closed_form(h, target.flatten(0, 1), start, 0.3 * 0.9**15, fading)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-13)


def test_two_updates_by_hand():
    """h = [1, 1] twice, d = 3 and 3, α = 1: P h = [1, 1] / (1 + 2), W = [1, 1], then 3 * 2 / 5 each."""
    x, target, start = torch.ones(1, 2, 1).double(), torch.full((1, 2, 1), 3.0).double(), torch.zeros(2, 1)
    once = learned(x[:, :1], target[:, :1], start=start)
    assert once.flatten().tolist() == pytest.approx([1, 1])
    assert learned(x, target, start=start).flatten().tolist() == pytest.approx([1.2, 1.2])


def test_only_scored_steps_after_the_washout_count():
    x, target, start = drawn(3, 6, 2), drawn(3, 6, 1), torch.zeros(3, 1)
    mask = drawn(3, 6) > 0
    found = learned(x, target, mask, start, washout=2)
    mask[:, :2] = False
    same = learned(x[mask][:, None], target[mask][:, None], start=start)
    torch.testing.assert_close(found, same)


def test_batch_after_batch_is_all_at_once():
    x, target = drawn(2, 8, 3), drawn(2, 8, 2)
    whole = learned(x, target, start=torch.zeros(4, 2))
    model = Model(Pairs(x, target), CellOf(Shown)).double()
    for p in model.readout.parameters():
        torch.nn.init.zeros_(p)
    module = RLS().lightning_module(model, Pairs(x, target), 0)
    module.log = lambda *args, **kwargs: None
    for steps in (slice(0, 3), slice(3, 8)):
        module.training_loss(batches(Pairs(x[:, steps], target[:, steps]), 1)[0])
    torch.testing.assert_close(module.weights, whole, rtol=0, atol=1e-13)


def test_outputs_are_those_before_the_update():
    """The loss of the first batch is that of y = 0, 3 * 2/3, of targets 3: (9 + 1) / 2."""
    x, target = torch.ones(1, 2, 1).double(), torch.full((1, 2, 1), 3.0).double()
    task = Pairs(x, target)
    model = Model(task, CellOf(Shown)).double()
    for p in model.readout.parameters():
        torch.nn.init.zeros_(p)
    module = RLS().lightning_module(model, task, 0)
    module.log = lambda *args, **kwargs: None
    assert module.training_loss(batches(task, 1)[0]).item() == pytest.approx(5)


@pytest.mark.parametrize(("rule", "cell"), [(RLS, Shown), (FORCE, Fed)])
def test_nothing_but_the_readout_and_its_copy_moves(rule, cell):
    module = module_of(rule, cell)
    before = {name: p.detach().clone() for name, p in module.model.named_parameters()}
    fit(rule, module, 3)
    moved = {name for name, p in module.model.named_parameters() if not torch.equal(p, before[name])}
    copies = {"sequencer.readback.weight", "sequencer.readback.bias"} if cell is Fed else set()
    assert moved == {"readout.weight", "readout.bias"} | copies


def test_the_copy_equals_the_readout_whenever_the_network_runs():
    module = module_of(FORCE, Fed)
    seen = []
    step = module.model.sequencer.step

    def watched(x, state):
        seen.append(torch.equal(module.model.sequencer.readback.weight, module.model.readout.weight))
        return step(x, state)

    module.model.sequencer.step = watched
    fit(FORCE, module, 2)
    assert len(seen) > 2
    assert all(seen)


def test_force_by_hand():
    """h = tanh(W z + U h) from h = 0 and a readout of 0: all features but the bias are 0 at first.

    The update sets b = d / 2 (h = [0, 1], P = I); the next step reads z = d / 2.
    """
    task = Pairs(torch.zeros(1, 2, 1).double(), torch.full((1, 2, 3), 0.5).double())
    model = Model(task, CellOf(Fed)).double()
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
        model.sequencer.W.weight[0, 1] = 2.0  # unit 0 reads output 0
    module = FORCE().lightning_module(model, task, 0)
    module.log = lambda *args, **kwargs: None
    batch = batches(task, 1)[0]
    module.training_loss(batch._replace(mask=torch.tensor([[True, False]])))
    assert model.readout.bias.tolist() == [0.25] * 3
    y, h = model(batch.x)
    assert h[0].tolist() == pytest.approx([math.tanh(2 * 0.25), 0, 0, 0])
    assert y[0, 1].tolist() == [0.25] * 3


@pytest.mark.parametrize(
    "cell", [Shown, type("Wide", (Fed,), {"fed_back": lambda self: torch.nn.Linear(4, 2)})]
)
def test_a_cell_that_does_not_feed_back_the_outputs_is_refused(cell):
    with pytest.raises(IncompatibleParts, match="'force' needs one cell that feeds back the 3 outputs"):
        module_of(FORCE, cell)


@pytest.mark.parametrize(("rule", "name"), [(RLS, "rls"), (FORCE, "force")])
def test_a_model_without_a_readout_is_refused(rule, name):
    task = Pairs(torch.zeros(1, 1, 2), torch.zeros(1, 1, 2))
    with pytest.raises(IncompatibleParts, match=rf"'{name}' sets the readout; choose model\.readout=linear"):
        rule().lightning_module(Model(task, CellOf(Shown), readout="none"), task, 0)


class Ongoing(Pairs):
    """A stream: batches continue one another."""

    def continues_previous(self, k, *, batch_size, seed, split):
        return True


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_force_makes_a_chaotic_network_generate_a_sine(seed):
    """300 units that are chaotic by themselves learn 25 periods, then go on without targets for 4."""
    target = torch.sin(2 * math.pi * torch.arange(3480.0).double() / 120)[None, :, None]
    silence, cut = torch.zeros_like(target), 3000
    task = Ongoing(silence[:, :cut], target[:, :cut])
    chaos = {"leaky": "potentials", "leak": 0.1, "spectral_radius": 1.5}
    torch.manual_seed(seed)
    model = Model(task, Ref("cell", "leaky-echo-state", hidden_size=300, feedback=1, **chaos)).double()
    module = FORCE().lightning_module(model, task, seed)
    module.log = lambda *args, **kwargs: None
    module.training_loss(batches(task, 1)[0])
    y, _ = model(silence[:, cut:], module.carried)
    assert (y - target[:, cut:]).abs().max() < 0.1

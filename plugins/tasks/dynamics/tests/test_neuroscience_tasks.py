"""The flip-flop and context-dependent integration: targets by hand, and baselines by simulation."""

import math

import pytest
import torch

from recurra_dynamics.context_integration import ContextIntegration
from recurra_dynamics.flip_flop import FlipFlop


def large(task, rows=20_000, seed=0):
    return task.sample(rows, torch.Generator().manual_seed(seed))


def values(task, y, batch):
    return {name: score.value for name, score in task.scores(y, batch).items()}


def test_the_flip_flop_holds_the_last_pulse():
    task = FlipFlop(pulses=0.3, length=40)
    batch = large(task, rows=5)
    for row, target in zip(batch.x.tolist(), batch.target.tolist(), strict=True):
        held = [0.0] * 3
        for x, wanted in zip(row, target, strict=True):
            held = [pulse or old for pulse, old in zip(x, held, strict=True)]
            assert held == wanted
    assert set(batch.x.unique().tolist()) == {-1.0, 0.0, 1.0}
    assert (batch.x[:, 0] != 0).all()


def test_pulses_are_as_frequent_as_stated():
    batch = large(FlipFlop(pulses=0.2, length=11), rows=5000)
    assert (batch.x[:, 1:] != 0).double().mean().item() == pytest.approx(0.2, abs=0.005)
    assert batch.x.mean().item() == pytest.approx(0, abs=0.01)


def test_baselines_of_the_flip_flop():
    task = FlipFlop(pulses=0.2, length=5)
    batch = large(task)
    stated = task.baselines()
    assert values(task, torch.zeros_like(batch.x), batch) == pytest.approx(stated["constant"], abs=0.01)
    assert values(task, batch.x, batch) == pytest.approx(stated["no-memory"], abs=0.01)
    assert stated["no-memory"]["squared_error"] == pytest.approx(0.8 * 4 / 5)
    assert values(task, batch.target, batch) == stated["optimal"]


def test_the_decision_is_the_sign_of_the_relevant_mean():
    """With little noise the evidence shows the means."""
    task = ContextIntegration(noise=1e-3, length=3)
    batch = large(task, rows=200)
    context = batch.x[:, :, 2:].argmax(-1)
    assert (context == context[:, :1]).all()
    assert (batch.x[:, :, 2:].sum(-1) == 1).all()
    relevant = batch.x[:, -1, :2].gather(1, context[:, :1])
    assert torch.equal(batch.target[:, -1], (relevant > 0).float())
    assert set((batch.x[:, 0, :2].abs() * 10).round().unique().tolist()) == {1, 2, 4}
    assert not batch.target[:, :-1].any()
    assert batch.mask.sum(1).tolist() == [1] * 200


def test_baselines_of_context_integration():
    task = ContextIntegration(length=10, coherences=(0.2, 0.5))
    batch, stated = large(task), task.baselines()
    evidence = batch.x[:, :, :2].sum(1)
    relevant = (evidence * batch.x[:, 0, 2:]).sum(1)
    for name, decision in {"optimal": relevant, "no-context": evidence.sum(1)}.items():
        y = decision[:, None, None].expand(-1, 10, 1)
        assert values(task, y, batch)["wrong_share"] == pytest.approx(stated[name]["wrong_share"], abs=0.01)
    zeros = torch.zeros_like(batch.target)
    assert values(task, zeros, batch) == pytest.approx(stated["constant"], abs=0.01)


def test_the_optimum_by_hand():
    """d √T / σ = 0.5 * 2 / 1 = 1: Φ(-1) = 0.158655; with congruent or opposed streams Φ(-√2) and 1/2."""
    stated = ContextIntegration(length=4, coherences=(0.5,)).baselines()
    assert stated["optimal"]["wrong_share"] == pytest.approx(0.15865525393145707)
    both = (math.erfc(1) / 2 + 0.5) / 2
    assert stated["no-context"]["wrong_share"] == pytest.approx(both)
    assert ContextIntegration(length=4, coherences=(0.5,)).goal.below == pytest.approx(0.178655, abs=1e-6)


def test_the_suite_holds_each_coherence_alone():
    suite = ContextIntegration().suite()
    assert list(suite) == ["test", "coherence-0.1", "coherence-0.2", "coherence-0.4"]
    assert suite["coherence-0.4"].coherences == (0.4,)
    assert suite["coherence-0.4"].noise == 1.0

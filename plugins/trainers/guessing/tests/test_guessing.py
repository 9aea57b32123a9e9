"""Random weight guessing: what is drawn, who passes a screen, which is kept, and how many were needed."""

from types import SimpleNamespace

import pytest
import torch

from recurra import Goal, IncompatibleParts, Ref, Score
from recurra_contract import ToyTask
from recurra_contract.harness import CellOf, OpaqueCell, PlainCell, SaveAt, fit, module_of
from recurra_guessing.guess import FINALISTS, Judgement, drawn, judged, passed, screens
from recurra_guessing.trainer import Guessing
from recurra_lab import Model, WeightSpace

SHARE = Goal("wrong_share", below=1e-9)


def found(score, loss=None):
    score = torch.tensor(score, dtype=torch.float64)
    return Judgement(score, torch.zeros_like(score) if loss is None else torch.tensor(loss).double())


class Signs(ToyTask):
    """Tell the sign of each number; scored by the share of rows with an error."""

    goal = SHARE

    def __init__(self, length=2):
        super().__init__(size=1, length=length)

    def sample(self, batch_size, rng):
        batch = super().sample(batch_size, rng)
        return batch._replace(target=batch.x.sign())

    def scores(self, y, batch):
        wrong = ((y.sign() != batch.target)[..., 0] & batch.mask).any(1)
        return {"wrong_share": Score(float(wrong.sum()), len(batch.x))}


def guessing(task=None, cell=PlainCell, seed=0, **options):
    """Return a module whose batches can be learned without Lightning, and what it logged last."""
    task = task or Signs()
    torch.manual_seed(0)
    module = Guessing(**options).lightning_module(Model(task, CellOf(cell)), task, seed)
    logged = {}
    module.log = lambda name, value, **_: logged.update({name: float(value)})
    return module, logged


def learn(module, batches, batch_size=8):
    for k in range(int(module.batches_seen), batches):
        module.batches_seen += 1
        module.training_loss(module.task.batch(k, batch_size=batch_size, seed=module.seed, split="train"))


def test_guesses_are_even_in_their_range_and_depend_on_seed_and_batch_alone():
    one = drawn(3, 7, 5000, 4, 100.0)
    assert one.shape == (5000, 4)
    assert one.abs().max() <= 100
    assert one.mean().item() == pytest.approx(0, abs=5 * 100 / (3 * 20_000) ** 0.5)
    assert one.var().item() == pytest.approx(100**2 / 3, rel=0.03)
    torch.rand(3)
    assert torch.equal(one, drawn(3, 7, 5000, 4, 100.0))
    assert not torch.equal(one, drawn(3, 8, 5000, 4, 100.0))
    assert not torch.equal(one, drawn(4, 7, 5000, 4, 100.0))


def test_rank_is_by_score_then_loss_then_number_and_no_number_comes_last():
    nan = float("nan")
    judgement = found([0.5, 0.0, 0.5, 0.0, nan, 0.0], [1.0, 2.0, 1.0, nan, 0.0, 1.0])
    assert judgement.ranked(SHARE).tolist() == [5, 1, 3, 0, 2, 4]
    assert judgement.ranked(Goal("accuracy", above=0.9)).tolist() == [0, 2, 5, 1, 3, 4]
    assert judgement.solved(SHARE).tolist() == [False, True, False, False, False, True]
    assert judgement.solved(Goal("accuracy", above=0.4)).tolist() == [True, False, True, False, False, False]


def test_a_screen_lets_pass_what_can_still_meet_the_goal_and_the_best():
    # A mean below 0.3 over 20, of which 5 were seen: a sum of 1.2 * 5 = 6 is too much, 1.1 * 5 = 5.5 is not.
    scores = [1.2, 1.1, 5.0, 1.1] + [1.0] * 3 + [9.0] * 20
    goes_on = passed(found(scores), 5 / 20, Goal("error", below=0.3))
    best = sorted(range(len(scores)), key=lambda i: (scores[i], i))[:FINALISTS]
    assert goes_on.tolist() == sorted({1, 3, 4, 5, 6, *best})
    everyone = passed(found([0.0] * 30), 0.2, SHARE)
    assert everyone.tolist() == list(range(30))


def test_screens_are_parts_smaller_than_the_batch_with_their_share_of_what_is_scored():
    task = ToyTask()
    batch = task.batch(0, batch_size=10, seed=0, split="train")
    parts = list(screens(task, batch, (4, 2, 10, 64)))
    assert [len(part.x) for part, _ in parts] == [2, 4]
    for part, share in parts:
        assert share == pytest.approx(float(part.lengths.sum()) / float(batch.lengths.sum()))
    task.goal = Goal("squared_error", above=3)
    assert list(screens(task, batch, (4,))) == []


@pytest.mark.parametrize("batches", [1, 6])
def test_screens_change_no_result(batches):
    results = []
    for sizes in [(), (2,), (1, 3, 7)]:
        module, _ = guessing(screens=sizes, guesses=1000, weight_range=10.0)
        learn(module, batches)
        solved = SHARE.met(float(module.best[0]))
        results.append((int(module.guesses), WeightSpace(module.model).read(module.model).tolist()))
        assert solved  # so that it was a race for the first, and not for the best
    assert results[0] == results[1] == results[2]


def test_the_first_that_solves_its_batch_is_kept_and_what_follows_is_not_counted():
    module, logged = guessing(guesses=1000, weight_range=10.0)
    task, space = module.task, WeightSpace(module.model)
    learn(module, 1)
    batch = task.batch(0, batch_size=8, seed=0, split="train")
    every = drawn(0, 0, 1000, space.size, 10.0)
    scores = []
    for guess in every:  # one after the other, by the model itself
        space.write(module.model, guess)
        scores.append(
            task.scores(module.model(batch.x, lengths=batch.lengths)[0], batch)["wrong_share"].value
        )
    first = scores.index(0)
    assert int(module.guesses) == logged["train/guesses"] == first + 1 < 1000
    again, _ = guessing(guesses=1000, weight_range=10.0)
    learn(again, 1)
    assert torch.equal(space.read(again.model), every[first])


def test_without_a_solution_the_best_so_far_is_kept():
    task = ToyTask()
    module, logged = guessing(task, guesses=40, screens=(4,), weight_range=1.0)
    space, best = WeightSpace(module.model), float("inf")
    for k in range(4):
        batch = task.batch(k, batch_size=8, seed=0, split="train")
        every = drawn(0, k, 40, space.size, 1.0)
        seen = judged(module.model, space, task, every, batch)
        learn(module, k + 1)
        if float(seen.score.min()) < best:
            best = float(seen.score.min())
            kept = every[int(seen.score.argmin())]
        assert float(module.best[0]) == pytest.approx(best)
        assert torch.equal(space.read(module.model), kept)
    assert logged["train/guesses"] == 160


def test_judging_in_parts_judges_the_same(monkeypatch):
    task = ToyTask()
    model = Model(task, CellOf(PlainCell))
    space, batch = WeightSpace(model), task.batch(0, batch_size=6, seed=0, split="train")
    every = torch.randn(11, space.size)
    whole = judged(model, space, task, every, batch)
    monkeypatch.setattr("recurra_guessing.guess.AT_ONCE", 1000)
    for one, other in zip(whole, judged(model, space, task, every, batch), strict=True):
        torch.testing.assert_close(one, other)


def test_shares_of_ranks_are_judged_apart_and_put_together(monkeypatch):
    module, _ = guessing()
    batch = module.task.batch(0, batch_size=8, seed=0, split="train")
    every = drawn(0, 0, 7, module.space.size, 10.0)
    alone = module._judged(every, batch)
    sent = []
    for rank in range(3):
        module._trainer = SimpleNamespace(world_size=3, global_rank=rank)
        module.all_gather = lambda mine: sent.append(mine) or torch.stack([mine] * 3)
        module._judged(every, batch)
    module.all_gather = lambda mine: torch.stack(sent)
    together = module._judged(every, batch)
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other)


def test_the_best_and_the_count_are_in_the_checkpoint(tmp_path):
    path, whole, rest = tmp_path / "half.ckpt", module_of(Guessing), module_of(Guessing)
    fit(Guessing, whole, 4, SaveAt(2, path))
    fit(Guessing, rest, 4, checkpoint=path)
    assert torch.equal(whole.best, rest.best)
    assert int(whole.guesses) == int(rest.guesses) == 4000


def test_a_cell_without_gradients_will_do_and_frozen_weights_stay():
    module, _ = guessing(ToyTask(), OpaqueCell, guesses=10)
    learn(module, 1)
    frozen = Model(ToyTask(), CellOf(PlainCell))
    frozen.readout.requires_grad_(False)
    before = frozen.readout.weight.clone()
    some = Guessing(guesses=10).lightning_module(frozen, ToyTask(), 0)
    some.log = lambda *args, **kwargs: None
    learn(some, 1)
    assert torch.equal(frozen.readout.weight, before)


def test_what_cannot_be_guessed_is_refused():
    model = Model(ToyTask(), CellOf(PlainCell)).requires_grad_(False)
    with pytest.raises(IncompatibleParts, match="all weights are frozen"):
        Guessing().lightning_module(model, ToyTask(), 0)

    class Stream(ToyTask):
        def continues_previous(self, k, *, batch_size, seed, split):
            return k > 0

    with pytest.raises(IncompatibleParts, match="without a past, but task 'Stream' continues"):
        Guessing().lightning_module(Model(Stream(), CellOf(PlainCell)), Stream(), 0)


def test_the_latch_is_solved_in_some_hundred_guesses():
    task = Ref("task", "two-sequence", length=60, signal=3, variance=0.04, tolerance=0.1).build()
    cell = Ref("cell", "fully-recurrent", hidden_size=3, outputs=1, logits=True, activation="logistic")
    needed = []
    for seed in range(10):
        module = Guessing().lightning_module(Model(task, cell, readout="none"), task, seed)
        module.log = lambda *args, **kwargs: None
        while not task.goal.met(float(module.best[0])):
            learn(module, int(module.batches_seen) + 1, batch_size=100)
        needed.append(int(module.guesses))
    assert sum(needed) / len(needed) < 1000

"""The learning module: its position, its reseeding, and what it says when a number goes bad."""

import pytest
import torch
from torch import nn

from recurra import Batch, Cell, GeneratedTask, Goal, Score
from recurra_lab import LearningModule, Model
from recurra_lab.errors import NonFinite
from recurra_lab.training.batches import Batches, FromPosition, training_loader
from recurra_lab.training.module import all_finite
from recurra_lab.training.nonfinite import first_non_finite
from recurra_lab.training.seeding import reseed


class Echo(GeneratedTask):
    """Put out what comes in."""

    stream = "Echo"
    goal = Goal("error", below=0.1)

    def __init__(self):
        super().__init__(2, 2)

    def sample(self, batch_size, rng):
        x = torch.randn(batch_size, 3, 2, generator=rng)
        return Batch(x, x, torch.ones(batch_size, 3, dtype=torch.bool), torch.full((batch_size,), 3))

    def loss(self, y, batch):
        return (y - batch.target).square().mean()

    def scores(self, y, batch):
        return {"error": Score(float((y - batch.target).abs().sum()), y.numel())}


class Leaky(Cell):
    def __init__(self, input_size):
        super().__init__(input_size, 4)
        self.W = nn.Linear(input_size, 4)

    def initial_state(self, batch_size):
        return self.zeros(batch_size, 4)

    def step(self, x, state):
        state = 0.5 * state + self.W(x)
        return state, state


class CellOf:
    name = "leaky"

    def build(self, *wiring):
        return Leaky(*wiring)


@pytest.fixture
def module():
    reseed(0, 0, 0)
    made = LearningModule(Model(Echo(), CellOf()), Echo(), seed=1)
    made.log = lambda *args, **kwargs: None
    return made


def batch_of(task, k=0):
    return task.batch(k, batch_size=4, seed=0, split="train")


def test_without_a_trainer_there_is_one_process(module):
    assert (module.world_size, module.rank) == (1, 0)


class TestPosition:
    def test_it_is_saved_with_the_weights(self, module):
        module.on_train_batch_start(batch_of(module.task), 0)
        assert module.state_dict()["batches_seen"].item() == 1

    def test_the_loader_starts_there_and_never_ends(self, module):
        module.batches_seen += 5
        data = Batches(module.task, 4, 0, "train", 0, 1)
        seen = [
            batch.x for batch, _ in zip(training_loader(data, module.batches_seen, 0), range(3), strict=False)
        ]
        for k, x in enumerate(seen, 5):
            assert torch.equal(x, batch_of(module.task, k).x)

    def test_it_is_read_when_counting_starts(self):
        position = torch.zeros((), dtype=torch.int64)
        sampler = FromPosition(position)
        position += 7
        assert next(iter(sampler)) == 7

    def test_workers_change_nothing(self, module):
        data = Batches(module.task, 4, 0, "train", 0, 1)
        loaded = training_loader(data, module.batches_seen, workers=2)
        for k, batch in zip(range(5), loaded, strict=False):
            assert torch.equal(batch.x, batch_of(module.task, k).x)

    def test_ranks_share_the_global_batch(self, module):
        parts = [Batches(module.task, 4, 0, "train", rank, 2)[3].x for rank in range(2)]
        assert torch.equal(torch.cat(parts), batch_of(module.task, 3).x)


class TestReseeding:
    def test_each_batch_and_rank_has_its_own_numbers(self):
        drawn = set()
        for k in range(3):
            for rank in range(2):
                reseed(0, k, rank)
                drawn.add(torch.rand(()).item())
        assert len(drawn) == 6

    def test_numbers_drawn_before_do_not_matter(self, module):
        drawn = []
        for extra in (0, 5):
            torch.rand(extra)
            module.batches_seen.fill_(3)
            module.on_train_batch_start(batch_of(module.task), 0)
            drawn.append(torch.rand(4))
        assert torch.equal(*drawn)


def poison(tensor):
    with torch.no_grad():
        tensor.view(-1)[0] = float("nan")


class TestNonFinite:
    def test_a_bad_loss_stops_and_names_step_and_tensor(self, module):
        batch = batch_of(module.task)
        module.on_train_batch_start(batch, 0)
        poison(batch.x)
        with pytest.raises(NonFinite, match=r"at step 1 the loss became nan; .* is the input x"):
            module.training_step(batch, 0)

    def test_a_bad_parameter_is_named(self, module):
        poison(module.model.sequencer.W.bias)
        with pytest.raises(
            NonFinite, match=r"the first non-finite tensor is the parameter sequencer\.W\.bias"
        ):
            module.check_weights(batch_of(module.task))

    def test_good_weights_pass(self, module):
        module.check_weights(batch_of(module.task))

    def test_the_part_that_overflows_is_named(self, module):
        with torch.no_grad():
            module.model.sequencer.W.weight.fill_(3e38)
        named = first_non_finite(module.model, module.task, batch_of(module.task))
        assert named == "the output of sequencer.W"

    def test_a_bad_gradient_is_named(self, module):
        class Rooted(Echo):
            def loss(self, y, batch):
                return (0 * y).sqrt().mean()

        named = first_non_finite(module.model, Rooted(), batch_of(module.task))
        assert named.startswith("the gradient of ")

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
    def test_all_finite(self, bad):
        assert all_finite([torch.ones(3), torch.zeros(2, 2)])
        assert all_finite([])
        assert not all_finite([torch.ones(3), torch.tensor([1.0, bad])])


class TestGoal:
    def test_below_and_above(self):
        assert Goal("e", below=1).met(0.5)
        assert not Goal("e", below=1).met(1.0)
        assert Goal("a", above=0.9).met(0.95)
        assert not Goal("a", above=0.9).met(float("nan"))
        assert Goal("a", above=0.9).better(0.5, than=0.4)
        assert Goal("e", below=0.9).better(0.4, than=0.5)


def test_scores_add_by_weight():
    assert (Score(1, 2) + Score(3, 2)).value == 1.0
    assert Score(0, 0).value != Score(0, 0).value

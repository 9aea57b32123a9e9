"""Many networks at once give what each gives alone."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch

from recurra import Cell, Environment, Goal, IncompatibleParts, InvalidOption, leaves
from recurra_contract import ToyCell, ToyTask
from recurra_contract.harness import CellOf
from recurra_lab import LearningModule, Model, WeightSpace, evaluate, losses, run_each
from recurra_lab.runs.build import goal_of
from recurra_lab.training.batches import Batches
from recurra_lab.training.nonfinite import first_non_finite


class Deciding(ToyCell):
    """Decides by a value, which no transform of torch can follow."""

    def step(self, x, state):
        y, state = super().step(x, state)
        return (y if float(y.sum()) > 0 else -y), state


@pytest.fixture(params=[ToyCell, Deciding])
def model(request):
    torch.manual_seed(0)
    return Model(ToyTask(), CellOf(request.param))


def test_a_vector_is_all_weights(model):
    space = WeightSpace(model)
    before = space.read(model)
    assert before.shape == (space.size,) == (sum(p.numel() for p in model.parameters()),)
    space.write(model, torch.arange(space.size) / space.size)
    assert torch.equal(space.read(model), torch.arange(space.size) / space.size)
    space.write(model, before)
    assert torch.equal(space.read(model), before)


def test_each_network_gives_what_it_gives_alone(model):
    task, space = ToyTask(), WeightSpace(model)
    vectors = torch.randn(4, space.size)
    batch = task.batch(0, batch_size=3, seed=0, split="train")
    with torch.no_grad():
        y, after = run_each(model, space.stacked(vectors), batch.x, lengths=batch.lengths)
        cost = losses(task, y, batch)
        for p in range(4):
            space.write(model, vectors[p])
            alone, state = model(batch.x, lengths=batch.lengths)
            torch.testing.assert_close(y[p], alone)
            torch.testing.assert_close(cost[p], task.loss(alone, batch))
            for (_, a), (_, b) in zip(leaves(after), leaves(state), strict=True):
                torch.testing.assert_close(a[p], b)


def test_each_network_goes_on_from_its_own_state_and_input(model):
    space = WeightSpace(model)
    weights, x = space.stacked(torch.randn(3, space.size)), torch.randn(2, 6, model.sequencer.input_size)
    with torch.no_grad():
        whole, _ = run_each(model, weights, x)
        first, state = run_each(model, weights, x[:, :2])
        rest, _ = run_each(model, weights, x[:, 2:].expand(3, -1, -1, -1), state)
    torch.testing.assert_close(torch.cat([first, rest], 2), whole)


def test_a_loss_that_decides_by_values_is_taken_one_by_one():
    class Stepwise(ToyTask):
        def loss(self, y, batch):
            return super().loss(y, batch) * (2 if float(y.sum()) > 0 else 1)

    task = Stepwise()
    batch = task.batch(0, batch_size=3, seed=0, split="train")
    y = torch.randn(4, *batch.mask.shape, task.output_size)
    torch.testing.assert_close(losses(task, y, batch), torch.stack([task.loss(own, batch) for own in y]))


def test_frozen_weights_are_no_part_of_the_vector(model):
    whole = WeightSpace(model).size
    model.readout.requires_grad_(False)
    assert WeightSpace(model).size == whole - sum(p.numel() for p in model.readout.parameters())
    model.requires_grad_(False)
    with pytest.raises(IncompatibleParts, match="all weights are frozen"):
        WeightSpace(model)


class Counters:
    """Rewards the larger output when it is that of the parity of the step; an episode lasts `seed` steps."""

    def reset(self, *, seed):
        self.left, self.t = torch.tensor(seed), 0
        return self.seen(), {}

    def seen(self):
        return torch.full((len(self.left), 1), float(self.t % 2)).numpy()

    def step(self, actions):
        reward = torch.as_tensor(actions) == self.t % 2
        self.t += 1
        return self.seen(), reward.numpy(), (self.left <= self.t).numpy(), (self.left < 0).numpy(), {}

    def close(self):
        self.left = None


class Parity(Environment):
    goal = Goal("return", above=4.5)

    def __init__(self):
        super().__init__(1, 2)

    def environments(self, count):
        return Counters()

    def actions(self, y):
        return y.argmax(-1).numpy()


class Copies(Cell):
    """Puts out [1 - x, x]."""

    def __init__(self, input_size):
        super().__init__(input_size, 2)
        self.scale = torch.nn.Parameter(torch.ones(()))

    def initial_state(self, batch_size):
        return self.zeros(batch_size, 1)

    def step(self, x, state):
        return torch.cat([1 - x, x], -1) * self.scale, state + x


def test_an_environment_is_played_until_every_episode_ended():
    model = Model(Parity(), CellOf(Copies), readout="none")
    batch = Parity().batch(0, batch_size=3, seed=0, split="test")
    batch = batch._replace(target=torch.tensor([[2], [7], [1]]))
    found = Parity().evaluate(model, batch)
    assert found.scores == {"return": (10.0, 3)}
    assert (float(found.loss), found.state) == (pytest.approx(-10 / 3), None)


def test_a_population_in_an_environment_gets_what_each_network_gets():
    model = Model(Parity(), CellOf(Copies), readout="none")
    batch = Parity().batch(0, batch_size=3, seed=0, split="test")
    batch = batch._replace(target=torch.tensor([[2], [7], [1]]))
    weights = {"sequencer.scale": torch.tensor([1.0, -1.0])}
    found = Parity().run_population(partial(run_each, model, weights), 2, batch)
    assert found.tolist() == [pytest.approx(10 / 3), 0.0]


class Short(Parity):
    """Every episode has five steps."""

    def sample(self, batch_size, rng):
        return super().sample(batch_size, rng)._replace(target=torch.full((batch_size, 1), 5))


def test_an_environment_is_evaluated_and_has_no_targets():
    model = Model(Short(), CellOf(Copies), readout="none")
    data = Batches(Short(), 4, 0, "test", 0, 1)
    assert evaluate(model, data, 2)["return"] == (40.0, 8)
    assert not hasattr(Short(), "loss")
    told = r"task 'Short' is an environment, which provides rewards, not targets; choose .*trainer=evolution"
    with pytest.raises(IncompatibleParts, match=told):
        Short().supervised()


def test_a_score_that_an_environment_lacks_is_named_with_the_nearest():
    run = SimpleNamespace(stop_score="retrun", stop_below=None, stop_above=3.0)
    with pytest.raises(InvalidOption, match=r"Short has no score 'retrun'; did you mean 'return'\?"):
        goal_of(SimpleNamespace(run=run), Short())
    run.stop_score = "return"
    assert goal_of(SimpleNamespace(run=run), Short()) == Goal("return", above=3.0)


def test_a_bad_weight_is_found_in_an_environment_too():
    model = Model(Parity(), CellOf(Copies), readout="none")
    batch = Parity().batch(0, batch_size=1, seed=0, split="test")._replace(target=torch.tensor([[2]]))
    assert first_non_finite(model, Parity(), batch) == "not found when the step was repeated"
    model.sequencer.scale.data.fill_(torch.nan)
    assert first_non_finite(model, Parity(), batch) == "the parameter sequencer.scale"


def test_without_a_readout_the_cell_must_answer_itself():
    with pytest.raises(IncompatibleParts, match=r"has output size \d+, .* model.readout=linear"):
        Model(Parity(), CellOf(ToyCell), readout="none")


def test_a_rule_that_needs_targets_refuses_an_environment():
    with pytest.raises(
        IncompatibleParts, match=r"is an environment, which provides rewards, not targets; choose trainer="
    ):
        LearningModule(Model(Parity(), CellOf(Copies), readout="none"), Parity(), 0)

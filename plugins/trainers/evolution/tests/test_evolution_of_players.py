"""In an environment every candidate gets what it gets alone, and a fit one is found."""

import torch

from recurra import Environment, Goal
from recurra_contract import ToyCell
from recurra_contract.harness import CellOf, fit, seeded
from recurra_evolution.fitness import fitness
from recurra_evolution.trainer import Evolution
from recurra_lab import Model, WeightSpace


class Rooms:
    """Shows the parity of the seed once; at each of five steps it rewards saying that."""

    def reset(self, *, seed):
        self.odd, self.t = torch.tensor(seed) % 2, 0
        return self.seen(), {}

    def seen(self):
        return ((2.0 * self.odd - 1) * (self.t == 0))[:, None].numpy()

    def step(self, actions):
        reward = torch.as_tensor(actions) == self.odd
        self.t += 1
        ended = torch.full((len(self.odd),), self.t == 5)
        return self.seen(), reward.numpy() / 5, ended.numpy(), (~ended & False).numpy(), {}

    def close(self):
        pass


class Remember(Environment):
    stream = "Remember"
    goal = Goal("return", above=0.99)

    def __init__(self):
        super().__init__(1, 2)

    def environments(self, count):
        return Rooms()

    def actions(self, y):
        return y.argmax(-1).numpy()


def test_each_candidate_gets_what_it_gets_alone():
    task = Remember()
    with seeded():
        model = Model(task, CellOf(ToyCell))
    space = WeightSpace(model)
    vectors = torch.randn(6, space.size, generator=torch.Generator().manual_seed(0))
    batch = task.batch(0, batch_size=4, seed=0, split="train")
    with torch.no_grad():
        together = fitness(model, task, space.stacked(vectors), batch, None, "loss")
        for vector, found in zip(vectors, together.tolist(), strict=True):
            space.write(model, vector)
            alone = task.evaluate(model, batch).scores["return"].value
            assert abs(alone - found) < 1e-9


def test_memory_evolves():
    task = Remember()
    with seeded():
        model = Model(task, CellOf(ToyCell))
    rule = Evolution(population=32, sigma=0.5)
    fit(lambda: rule, rule.lightning_module(model, task, 0), 40)
    batch = task.batch(0, batch_size=32, seed=1, split="test")
    with torch.no_grad():
        assert task.evaluate(model, batch).scores["return"].value > 0.9

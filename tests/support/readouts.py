"""A cell and a task with which a readout alone is learned."""

import torch

from recurra import Batch, Cell, GeneratedTask, Goal, NoState, Score


class Shown(Cell):
    """Puts out what it reads."""

    def __init__(self, input_size):
        super().__init__(input_size, input_size)

    def initial_state(self, batch_size):
        return NoState()

    def step(self, x, state):
        return x, state


class Pairs(GeneratedTask):
    """Given vectors in, given vectors due: (N, I) and (N, O), one per row."""

    stream = "Pairs"
    goal = Goal("error", below=0.1)

    def __init__(self, x, target, mask=None):
        super().__init__(x.shape[-1], target.shape[-1])
        self.x, self.target, self.mask = x, target, mask

    def sample(self, batch_size, rng):
        mask = torch.ones(self.x.shape[:2], dtype=torch.bool) if self.mask is None else self.mask
        return Batch(self.x, self.target, mask, torch.full((len(self.x),), self.x.shape[1]))

    def loss(self, y, batch):
        return (y - batch.target)[batch.mask].square().mean()

    def scores(self, y, batch):
        return {"error": Score(float((y - batch.target)[batch.mask].abs().sum()), int(batch.mask.sum()))}

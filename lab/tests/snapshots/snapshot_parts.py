"""Tasks of tokens and of trees, of which snapshots are written."""

from typing import Annotated

import torch
from pydantic import Field

from recurra import Batch, Environment, GeneratedTask, Goal, Score

FEW = {"train": 6, "validation": 2, "test": 3}


class Marked(GeneratedTask):
    """Name the last token but one; the padding of the target is marked, that of x holds anything."""

    stream = "Marked"
    goal = Goal("wrong", below=0.1)
    input_kind = "tokens"

    def __init__(self, *, kinds: Annotated[int, Field(gt=1, description="kinds")] = 5):
        super().__init__(kinds, kinds)

    def sample(self, batch_size, rng):
        lengths = torch.randint(2, 6, (batch_size,), generator=rng)
        inside = torch.arange(8) < lengths[:, None]
        x = torch.randint(self.input_size, (batch_size, 8), generator=rng)
        target = torch.where(inside, x.roll(1, 1), -100)
        return Batch(x, target, inside & (torch.arange(8) > 0), lengths)

    def loss(self, y, batch):
        return torch.nn.functional.cross_entropy(y.flatten(0, 1), batch.target.flatten())

    def scores(self, y, batch):
        wrong = (y.argmax(-1) != batch.target)[batch.mask]
        return {"wrong": Score(float(wrong.sum()), wrong.numel())}

    def baselines(self):
        return {"constant": {"wrong": 1 - 1 / self.output_size}}


class Words(Marked):
    """The tokens of Marked as trees that branch to the left: a word, then a word and a merge, and so on."""

    input_kind = "token-trees"

    def sample(self, batch_size, rng):
        batch = super().sample(batch_size, rng)
        arity = torch.tensor([0, 0, 2, 0, 2, 0, 2, 0])
        return batch._replace(x=torch.stack([batch.x, arity.expand_as(batch.x)], -1))


class Room(Environment):
    """Has no sequences."""

    goal = Goal("return", above=0.5)

    def __init__(self):
        super().__init__(1, 1)

    def environments(self, count):
        raise AssertionError("nobody plays")

    def actions(self, y):
        return y


def same(one, other):
    pairs = list(zip(one, other, strict=True))
    return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in pairs)

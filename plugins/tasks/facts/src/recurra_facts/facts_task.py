"""Facts of several vectors, of which one is asked for by the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from recurra import Batch, Corpus, Goal, InvalidOption, Score, Split, Task

Count = Annotated[int, Field(gt=0)]


class Facts(Corpus):
    """Complete a fact: given the vectors of all its roles but the last, output that of the last.

    A fact is k symbols, one for each role, such as (loves, John, Mary), and a symbol is a vector. No two
    facts share all symbols but the last, so that each question has one answer. What the symbols and the facts
    are depends on `world` alone: all splits ask for the same facts, in orders of their own, since the task is
    to store and to recall, not to generalise. One batch of all facts is one presentation of each.

    Codes: `orthonormal` vectors make a tensor product memory exact, and there are at most `size` symbols;
    `random` unit vectors may be more than that, and other facts add noise to what is recalled.

    Shapes: x (B, 1, (k − 1) size), y (B, 1, size).
    Scores: wrong_share, the share of facts whose answer is nearest, by its cosine, to another symbol than the
    right one; cosine, the mean with the right one; squared_noise, the mean of |answer − right|², which the
    outer products of random codes make (m − 1) / size^(k − 1) for m facts. Solved means that none is wrong.
    Loss: the mean squared error per number.
    Source: Smolensky 1990, for the memory; Wilson 1991, tensor product networks of any rank.
    """

    stream = "Facts"
    goal = Goal("wrong_share", below=1e-9)
    contract_options = {"facts": 12, "size": 6, "symbols": 6}

    def __init__(
        self,
        *,
        facts: Annotated[Count, Field(description="number of facts")] = 30,
        roles: Annotated[int, Field(ge=2, le=6, description="k, vectors of a fact")] = 3,
        size: Annotated[Count, Field(description="size of the vector of a symbol")] = 16,
        symbols: Annotated[Count, Field(description="number of different symbols per role")] = 16,
        codes: Annotated[
            Literal["orthonormal", "random"],
            Field(description="kind of vectors that encode the symbols of a role"),
        ] = "orthonormal",
        world: Annotated[int, Field(ge=0, description="seed of the symbols and facts")] = 0,
    ) -> None:
        if codes == "orthonormal" and symbols > size:
            message = f"symbols = {symbols} orthonormal vectors do not fit into size = {size}"
            raise InvalidOption(f"Facts: {message}; choose codes=random, or at most {size}")
        if facts > symbols ** (roles - 1):
            most = symbols ** (roles - 1)
            raise InvalidOption(f"Facts: there are {most} questions with these symbols, for facts = {facts}")
        super().__init__((roles - 1) * size, size)
        rng = torch.Generator().manual_seed(world)
        self.roles, self.symbols = roles, symbols
        self.codes = torch.stack([_codes(codes, symbols, size, rng) for _ in range(roles)])  # (k, n, size)
        self.known = _facts(facts, symbols, roles, rng)  # (facts, k)

    def count(self, split: Split) -> int:
        """Return how many facts there are."""
        return len(self.known)

    def gather(self, split: Split, rows: Tensor) -> Batch:
        """Return facts by number; validation and test ask for them in orders of their own."""
        if split != "train":
            order = torch.randperm(len(self.known), generator=torch.Generator().manual_seed(len(split)))
            rows = order[rows]
        facts = self.known[rows]  # (B, k)
        vectors = torch.stack([self.codes[role][facts[:, role]] for role in range(self.roles)], 1)
        mask = torch.ones(len(rows), 1, dtype=torch.bool)
        return Batch(vectors[:, :-1].flatten(1)[:, None], vectors[:, -1:], mask, mask.sum(1))

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared error per number."""
        return (y - batch.target).square().mean()

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return wrong_share, cosine and squared_noise."""
        answers, right = (normalize(value[:, 0].double(), dim=-1) for value in (y, batch.target))
        known = normalize(self.codes[-1].to(answers), dim=-1)
        wrong = (answers @ known.T).argmax(-1) != (right @ known.T).argmax(-1)
        cosine = (answers * right).sum(-1)
        noise = (y[:, 0].double() - batch.target[:, 0]).square().sum(-1)
        return {
            "wrong_share": Score(float(wrong.sum()), len(y)),
            "cosine": Score(float(cosine.sum()), len(y)),
            "squared_noise": Score(float(noise.sum()), len(y)),
        }

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who knows the answers, for checks."""
        return batch.target

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what the commonest answer scores, and what is possible."""
        most = self.known[:, -1].bincount().max()
        return {
            "constant": {"wrong_share": 1 - float(most) / len(self.known)},
            "optimal": {"wrong_share": 0.0, "cosine": 1.0, "squared_noise": 0.0},
        }

    def suite(self) -> Mapping[str, Task]:
        """Return these facts."""
        return {f"facts-{len(self.known)}": self}


def _codes(kind: str, symbols: int, size: int, rng: torch.Generator) -> Tensor:
    drawn = torch.randn(size, max(size, symbols), generator=rng, dtype=torch.float64)
    columns = torch.linalg.qr(drawn[:, :size])[0] if kind == "orthonormal" else normalize(drawn, dim=0)
    return columns.T[:symbols].to(torch.get_default_dtype())


def _facts(count: int, symbols: int, roles: int, rng: torch.Generator) -> Tensor:
    """Return facts (count, k) of which no two have the same cues."""
    cues = torch.randperm(symbols ** (roles - 1), generator=rng)[:count]
    digits = [cues // symbols**i % symbols for i in range(roles - 1)]
    return torch.stack([*digits, torch.randint(symbols, (count,), generator=rng)], 1)


def expected_noise(facts: int, roles: int, size: int) -> float:
    """Return the length of what other facts add to an answer of unit length, with random codes.

    √((m − 1) / D) as root mean square, D the numbers in the product of the cues.
    """
    return math.sqrt((facts - 1) / size ** (roles - 1))

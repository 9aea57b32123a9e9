"""The forward-mode recurrence of a step: J' = D J + I, for the influence J of each weight on each state.

    D = ∂ s' / ∂ s            S by S, of which only what can be other than zero is computed
    I = Σ of E aᵀ             of a product a W: E = ∂ s' / ∂ (a W), and a; no such outer product is ever made

D, E and a are values of the step, `Factors`; the loop computes them beside the state. All that is known
without numbers is in `groups`: which weights act on which states, and from where each coefficient is read.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recurra_engine.ir import graph
from recurra_engine.ir.graph import Node, const, leaf, reshape
from recurra_engine.passes.jvp import NoTangent, pushforward
from recurra_engine.passes.partition import split_shared
from recurra_engine.passes.program import Loop, Program
from recurra_engine.passes.sparsity import colours, dependence

START = -1
"""Stands for the state at the start of a sequence, where others are numbers of weights."""
MARGIN = 32
"""Zeros before and after the numbers that a step provides, for kernels that read whole vectors."""
MOST_NUMBERS = 1 << 21
"""Of D, E and a for one row and step."""


Elements = tuple[int, Tensor]
"""Some elements of a shared weight (its number, or `START`), by their indices."""


@dataclass(frozen=True)
class Run:
    """Weights that act through the same coefficients, such as all those into one unit: columns of J.

    Args:
        weights: Which they are, in the order of the columns.
        terms: What a step adds to their columns: (row of J, place of E, place of the first of a), by line.
    """

    weights: tuple[Elements, ...]
    terms: Tensor

    @property
    def columns(self) -> int:
        """The number of weights."""
        return sum(len(elements) for _, elements in self.weights)

    @property
    def rows(self) -> Tensor:
        """The states on which they act in one step; of the start, the state that they are."""
        ((first, elements), *_) = self.weights
        return elements if first == START else torch.unique(self.terms[:, 0])


@dataclass(frozen=True)
class Recurrence:
    """The recurrence of a step.

    Args:
        factors: The values that a step must provide, one after the other; they read `shared` and seeds.
        seeds: The leaves that stand for directions, with their numbers.
        D: Where in them ∂ s'[i] / ∂ s[k] is found: (S, S) by [k, i], or -1 where it is zero.
        runs: The weights.
    """

    factors: Node
    seeds: dict[Node, Tensor]
    D: Tensor
    runs: list[Run]


def recurrence(program: Program, wanted: Sequence[bool], *, local: bool = False) -> Recurrence:
    """Derive the recurrence of a step.

    Args:
        program: The step.
        wanted: For each shared weight, whether its influence is wanted.
        local: Whether D leaves out what passes through a product with weights, as in e-prop.

    Raises:
        NoTangent: It cannot be derived; the message says why.
    """
    factors = _Factors(program.after)
    held = _products(program.after, program.shared) if local else ()
    D = torch.cat([factors.jacobian(state, held) for state in program.states]) if program.states else None
    if D is None or not D.numel():
        raise NoTangent("the cell has no state")
    every = [weight for weight, wants in zip(program.shared, wanted, strict=True) if wants]
    factors.place_sides(every)
    runs = [run for weight in every for run in _runs(program.shared.index(weight), weight, factors)]
    return Recurrence(factors.joined(), factors.seeds, D, _merged(runs))


def loop_of(program: Program, derived: Recurrence) -> tuple[Loop, tuple[Node, ...]]:
    """Return the loop of y and all coefficients, and what it shares, of shared weights and seeds."""
    split = split_shared([program.y, derived.factors, *program.after])
    y, factors, *after = split.results
    own = tuple(leaf("shared", i, node.shape) for i, node in enumerate(split.weights))
    return Loop(program.states, tuple(after), (program.x,), own, (y, factors)), split.weights


def starting(states: int) -> list[Run]:
    """Return the columns of J for the state at the start, of so many numbers."""
    nothing = torch.zeros(0, 3, dtype=torch.int64)
    return [Run(((START, torch.tensor([k])),), nothing) for k in range(states)]


def _merged(runs: Sequence[Run]) -> list[Run]:
    """Join runs that differ only in a where one's a follows the other's, as x and h do for an affine map."""
    found: dict[tuple[Any, ...], list[Run]] = {}
    for run in sorted(runs, key=lambda run: int(run.terms[:, 2].min()) if len(run.terms) else 0):
        alike = found.setdefault(tuple(run.terms[:, :2].flatten().tolist()), [])
        if alike and torch.equal(alike[-1].terms[:, 2] + alike[-1].columns, run.terms[:, 2]):
            alike[-1] = Run(alike[-1].weights + run.weights, alike[-1].terms)
        else:
            alike.append(run)
    return [run for alike in found.values() for run in alike]


def _products(results: Iterable[Node], shared: Collection[Node]) -> list[Node]:
    return [n for n in graph.sorted_by_use(results) if n.op == "dot" and n.args[1] in shared]


class _Factors:
    """The values of a step that the recurrence reads, each at a place.

    Args:
        after: The states after the step.
    """

    def __init__(self, after: Sequence[Node]) -> None:
        self.after, self.size = after, MARGIN
        self.places: dict[Node, int] = {}
        self.seeds: dict[Node, Tensor] = {}

    def place(self, node: Node) -> int:
        """Return where the first number of a value is."""
        flat = reshape(node, (node.size,))
        if flat not in self.places:
            self.places[flat] = self.size
            self.size += flat.size
            if self.size > MOST_NUMBERS:
                raise NoTangent(f"its Jacobians have more than {MOST_NUMBERS:,} numbers")
        return self.places[flat]

    def place_sides(self, weights: Sequence[Node]) -> None:
        """Place what products with these weights read, and a one, next to each other."""
        for weight in weights:
            for user in self.matrix_users(weight) or ():
                self.place(user.args[0])
        self.one = self.place(const(1, (1,)))

    def matrix_users(self, weight: Node) -> list[Node] | None:
        """Return the products that read a weight as their matrix; None if it is read in another way, too."""
        users = [node for node in graph.sorted_by_use(self.after) if weight in node.args]
        return users if all(n.op == "dot" and n.args[0] is not weight for n in users) else None

    def joined(self) -> Node:
        """Return all of them, between zeros."""
        zeros = const(0, (MARGIN,))
        return graph.cat([zeros, *self.places, zeros], 0)

    def jacobian(self, source: Node, held: Collection[Node] = ()) -> Tensor:
        """Return where ∂ s'[i] / ∂ source[k] is found: [k, i], or -1 where it is zero."""
        mask = dependence(self.after, source, held)
        colour = colours(mask)
        places = torch.full(mask.shape, -1)
        if not mask.any():
            return places
        tangents = pushforward(self.after, source, self._seed(source, colour), held)
        start = 0
        for result, tangent in zip(self.after, tangents, strict=True):
            part = slice(start, start + result.size)
            if tangent is not None:
                found = self.place(tangent) + colour[:, None] * result.size + torch.arange(result.size)
                places[:, part] = torch.where(mask[:, part], found, -1)
            start += result.size
        return places

    def _seed(self, source: Node, colour: Tensor) -> Node:
        shape = (int(colour.max()) + 1, *source.shape)
        if shape[0] == 1:
            return const(1, shape)
        numbers = torch.zeros(shape[0], source.size)
        numbers[colour, torch.arange(source.size)] = 1
        known = (node for node, value in self.seeds.items() if torch.equal(value, numbers))
        flat = next(known, None) or leaf("shared", ("seed", len(self.seeds)), numbers.shape)
        self.seeds[flat] = numbers
        return reshape(flat, shape)


def _runs(i: int, weight: Node, factors: _Factors) -> list[Run]:
    users = factors.matrix_users(weight)
    if users is None:
        return _of_numbers(i, weight, factors)
    return _of_matrix(i, weight, users, factors) if users else []


def _of_matrix(i: int, weight: Node, users: Sequence[Node], factors: _Factors) -> list[Run]:
    """Return the columns of W (Z, K, J), read by products: those into one number of a product together."""
    z, k, j = weight.shape
    elements = torch.arange(weight.size).view(z, k, j).transpose(1, 2).reshape(z * j, k)
    terms: list[list[Tensor]] = [[] for _ in range(z * j)]
    for user in users:
        rows = user.shape[1]
        E, a = factors.jacobian(user), factors.place(user.args[0])
        for n, row, of_j in _indices((z, rows, j)):
            acts = (E[n] >= 0).nonzero().flatten()
            of_z = n // (rows * j)
            first = torch.full_like(acts, a + (of_z * rows + row) * k)
            terms[of_z * j + of_j].append(torch.stack([acts, E[n][acts], first], 1))
    return [Run(((i, own),), torch.cat(of_own)) for own, of_own in zip(elements, terms, strict=True)]


def _indices(shape: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """Return (index, row, column) for every element of (Z, I, J)."""
    _, rows, columns = shape
    return [(n, n // columns % rows, n % columns) for n in range(math.prod(shape))]


def _of_numbers(i: int, weight: Node, factors: _Factors) -> list[Run]:
    """Return one column for each element, read in any way: its own tangent."""
    E = factors.jacobian(weight)
    runs = []
    for n in range(weight.size):
        acts = (E[n] >= 0).nonzero().flatten()
        terms = torch.stack([acts, E[n][acts], torch.full_like(acts, factors.one)], 1)
        runs.append(Run(((i, torch.tensor([n])),), terms))
    return runs

"""NEAT as a search: genomes grow, and what is asked for are the weights of their networks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
import torch
from neat.species import Species
from torch import Tensor

from recurra import Topology
from recurra_evolution.genetics import Genetics
from recurra_evolution.genomes import as_weights, restored, saved
from recurra_evolution.library import Genome, library

STEP = 1.1
"""How far the threshold moves in a generation that has too few or too many species."""


class StructureSearch:
    """NEAT, by the library `neat-python`: structures grow, and are protected in species of similar ones.

    A genome for whose network there is no room counts as the least fit.

    Args:
        room: Where connections may be.
        start: What the weights are before the first generation (n,).
        population: Genomes of a generation.
        genetics: How they change.
    """

    def __init__(self, room: Topology, start: Tensor, population: int, genetics: Genetics) -> None:
        self.room, self.start, self.size = room, start, population
        self.library, self.wanted = library(room, genetics), genetics.species
        self.threshold = genetics.threshold
        self.patience, self.best, self.improved = genetics.restart, -float("inf"), 0
        self.genomes: dict[int, Genome] = {}
        self.generation = 0

    @property
    def mean(self) -> Tensor:
        """The weights of the fittest, since different structures have no mean."""
        if not self.genomes:
            return self.start
        weights = as_weights(max(self.genomes.values(), key=_fitness), self.room)
        return self.start if weights is None else torch.from_numpy(weights)

    def ask(self, seed: int) -> Tensor:
        """Make the next generation of those whose fitness is known; a network without room is NaN."""
        if self.patience is not None and self.generation - self.improved >= self.patience:
            self._forget()
        with _drawing(seed):
            grows = bool(self.genomes)
            self.genomes = self._next() if grows else self._first()
            self.library.species.speciate(self.library.config, self.genomes, self.generation)
            self.generation += grows
        self._move_threshold()
        none = np.full(len(self.start), np.nan)
        found = [as_weights(genome, self.room) for genome in self.genomes.values()]
        return torch.from_numpy(np.stack([none if weights is None else weights for weights in found]))

    def _move_threshold(self) -> None:
        """Draw species closer together where they are too many, and apart where they are too few."""
        config, found = self.library.species.species_set_config, len(self.library.species.species)
        if self.wanted is not None and found != self.wanted:
            config.compatibility_threshold *= STEP if found > self.wanted else 1 / STEP

    def _forget(self) -> None:
        """Let the next population be one of new genomes."""
        self.genomes, self.library.species.species = {}, {}
        self.library.species.species_set_config.compatibility_threshold = self.threshold
        self.best, self.improved = -float("inf"), self.generation

    def _first(self) -> dict[int, Genome]:
        config, reproduction = self.library.config, self.library.reproduction
        made: dict[int, Genome] = reproduction.create_new(config.genome_type, config.genome_config, self.size)
        return made

    def _next(self) -> dict[int, Genome]:
        config, reproduction = self.library.config, self.library.reproduction
        made: dict[int, Genome] = reproduction.reproduce(
            config, self.library.species, self.size, self.generation
        )
        reproduction.ancestors.clear()  # of all who ever lived
        return made

    def tell(self, vectors: Tensor, fitness: Tensor) -> None:
        """Take up how fit all are; the library wants finite numbers."""
        finite = fitness[fitness.isfinite()]
        least = float(finite.min()) if len(finite) else 0.0
        for genome, value in zip(self.genomes.values(), fitness.nan_to_num(least, least, least), strict=True):
            genome.fitness = float(value)
        fittest = max(genome.fitness for genome in self.genomes.values())
        if fittest > self.best:
            self.best, self.improved = fittest, self.generation

    def state(self) -> dict[str, Any]:
        """Return genomes, species and counters."""
        config, reproduction = self.library.config.genome_config, self.library.reproduction
        return {
            "genomes": saved(self.genomes.values()),
            "species": [_saved_species(species) for species in self.library.species.species.values()],
            "generation": self.generation,
            "progress": (self.best, self.improved),
            "threshold": self.library.species.species_set_config.compatibility_threshold,
            "innovations": reproduction.innovation_tracker.global_counter,
            "next_genome": _peek(reproduction, "genome_indexer"),
            "next_species": _peek(self.library.species, "indexer"),
            "next_node": _peek(config, "node_indexer"),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        config, reproduction = self.library.config.genome_config, self.library.reproduction
        self.genomes, self.generation = restored(state["genomes"]), state["generation"]
        self.best, self.improved = state["progress"]
        found = [self._restored_species(known) for known in state["species"]]
        self.library.species.species_set_config.compatibility_threshold = state["threshold"]
        self.library.species.species = {species.key: species for species in found}
        reproduction.innovation_tracker.global_counter = state["innovations"]
        reproduction.genome_indexer = count(state["next_genome"])
        self.library.species.indexer = count(state["next_species"])
        config.node_indexer = None if state["next_node"] is None else count(state["next_node"])

    def _restored_species(self, known: dict[str, Any]) -> Species:
        species = Species(known["key"], known["created"])
        species.last_improved, species.fitness_history = known["last_improved"], list(known["history"])
        members = {key: self.genomes[key] for key in known["members"]}
        species.update(self.genomes[known["representative"]], members)
        return species


def _fitness(genome: Genome) -> float:
    return -float("inf") if genome.fitness is None else float(genome.fitness)


def _saved_species(species: Species) -> dict[str, Any]:
    return {
        "key": species.key,
        "created": species.created,
        "last_improved": species.last_improved,
        "history": list(species.fitness_history),
        "representative": species.representative.key,
        "members": list(species.members),
    }


def _peek(owner: Any, name: str) -> int | None:
    """Return the next number of a counter of the library, which goes on from there."""
    counter = getattr(owner, name)
    if counter is None:
        return None
    value: int = next(counter)
    setattr(owner, name, count(value))
    return value


@contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """Let the library draw from `seed`: it uses the generator that the whole process shares."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)

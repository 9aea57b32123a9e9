"""What the library `neat-python` is told, and where its genomes differ from its own."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

from neat.genes import BaseGene, DefaultConnectionGene
from neat.genome import DefaultGenome, DefaultGenomeConfig
from neat.reporting import ReporterSet
from neat.reproduction import DefaultReproduction
from neat.species import DefaultSpeciesSet
from neat.stagnation import DefaultStagnation

from recurra import Topology
from recurra_evolution.genetics import Genetics

FEW_GENES = 20
"""Genomes of fewer genes are not made alike by dividing their distance by the number of genes."""
KEPT_SPECIES = 2
"""The best species never count as stagnant, or a population could die out."""


class NodeGene(BaseGene):  # type: ignore[misc]
    """A node: that it is there is all there is to it, since the bias is an input."""

    _gene_attributes: ClassVar[list[Any]] = []

    def distance(self, other: NodeGene, config: Any) -> float:
        """Return 0: nodes do not differ."""
        return 0.0


class Genome(DefaultGenome):  # type: ignore[misc]
    """A genome whose only numbers are weights of connections."""

    @functools.cached_property
    def weights(self) -> dict[int, float]:
        """Weights by the number of the innovation; a genome no longer changes when this is asked for."""
        return {gene.innovation: gene.weight for gene in self.connections.values()}

    def distance(self, other: Genome, config: Any) -> float:
        """Return δ = c (excess and disjoint genes) / N + c3 (mean difference of weights that both have).

        The library divides all by N, the genes of the larger genome. As in the paper, small ones are not
        made alike by that: N is 1 below twenty genes.
        """
        shared = self.weights.keys() & other.weights.keys()
        largest = max(len(self.weights), len(other.weights))
        apart = len(self.weights) + len(other.weights) - 2 * len(shared)
        differences = sum(abs(self.weights[i] - other.weights[i]) for i in shared)
        by_structure = (
            config.compatibility_disjoint_coefficient * apart / (largest if largest >= FEW_GENES else 1)
        )
        by_weights = config.compatibility_weight_coefficient * differences / max(len(shared), 1)
        return float(by_structure + by_weights)

    @classmethod
    def parse_config(cls, param_dict: dict[str, Any]) -> DefaultGenomeConfig:
        """Return the library's settings, with the kinds of genes."""
        genes = {"node_gene_type": NodeGene, "connection_gene_type": DefaultConnectionGene}
        return DefaultGenomeConfig({**param_dict, **genes})

    def configure_crossover(self, genome1: Genome, genome2: Genome, config: Any) -> None:
        """Become a child of two.

        Its connections are those of one parent, so it cannot go in circles if that one does not, and the
        library's check for each connection, most of the time of a generation, is left out.
        """
        checked, config.feed_forward = config.feed_forward, False
        try:
            super().configure_crossover(genome1, genome2, config)
        finally:
            config.feed_forward = checked


@dataclass
class Library:
    """The parts of the library that make one generation from another.

    Args:
        config: Where they look for their settings.
        reproduction: Makes children.
        species: Divides genomes into species.
    """

    config: Any
    reproduction: DefaultReproduction
    species: DefaultSpeciesSet


def library(room: Topology, own: Genetics) -> Library:
    """Return the library, set up for networks in this room, and for these genetics."""
    config = SimpleNamespace(
        genome_type=Genome,
        genome_config=Genome.parse_config(_of_genomes(room, own)),
        species_set_config=DefaultSpeciesSet.parse_config({"compatibility_threshold": str(own.threshold)}),
    )
    stagnation = DefaultStagnation.parse_config(
        _as_text(species_fitness_func="max", max_stagnation=own.stagnation, species_elitism=KEPT_SPECIES)
    )
    reproduction = DefaultReproduction.parse_config(
        _as_text(elitism=1, survival_threshold=own.survival, min_species_size=1)
    )
    message = ReporterSet()
    return Library(
        config,
        DefaultReproduction(reproduction, message, DefaultStagnation(stagnation, message)),
        DefaultSpeciesSet(config.species_set_config, message),
    )


def _of_genomes(room: Topology, own: Genetics) -> dict[str, str]:
    return _as_text(
        num_inputs=room.inputs + 1,  # the last is the bias
        num_outputs=room.outputs,
        num_hidden=0,
        feed_forward=room.layers is not None,
        initial_connection="full_direct" if own.start == "full" else "unconnected",
        compatibility_disjoint_coefficient=own.disjoint,
        compatibility_weight_coefficient=own.difference,
        conn_add_prob=own.add_connection,
        conn_delete_prob=own.remove_connection,
        node_add_prob=own.add_node,
        node_delete_prob=own.remove_node,
        weight_init_mean=0.0,
        weight_init_stdev=own.init_deviation,
        weight_init_type="gaussian",
        weight_mutate_rate=own.mutation_rate,
        weight_mutate_power=own.mutation_size,
        weight_replace_rate=own.replace_rate,
        weight_max_value=own.largest,
        weight_min_value=-own.largest,
        enabled_default="true",
        enabled_mutate_rate=own.enable,
    )


def _as_text(**settings: Any) -> dict[str, str]:
    """Return settings as the library reads them from a file."""
    return {name: str(value) for name, value in settings.items()}

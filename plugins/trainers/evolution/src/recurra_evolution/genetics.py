"""The options of NEAT, and what the library `neat-python` makes of them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, Literal

from neat.genes import BaseGene, DefaultConnectionGene
from neat.genome import DefaultGenome, DefaultGenomeConfig
from neat.reporting import ReporterSet
from neat.reproduction import DefaultReproduction
from neat.species import DefaultSpeciesSet
from neat.stagnation import DefaultStagnation
from pydantic import Field

from recurra.options import Configurable
from recurra.topology import Topology

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
FEW_GENES = 20
KEPT_SPECIES = 2
"""The best species never count as stagnant, or a population could die out."""


class Genetics(Configurable):
    """How genomes change, and which of them have children together: the options of NEAT.

    Most defaults are those of Stanley and Miikkulainen 2002; `mutation_size`, which the paper does not give,
    `threshold` and `stagnation` (3 and 15 there) are what solved XOR soonest with this library.
    """

    def __init__(
        self,
        *,
        start: Annotated[
            Literal["full", "empty"],
            Field(description="at first all inputs and the bias are connected to all outputs, or nothing is"),
        ] = "full",
        add_connection: Annotated[Share, Field(description="probability of another connection")] = 0.3,
        remove_connection: Annotated[Share, Field(description="probability of one less")] = 0.0,
        add_node: Annotated[Share, Field(description="probability of a node on a connection")] = 0.03,
        remove_node: Annotated[Share, Field(description="probability of a node less")] = 0.0,
        enable: Annotated[Share, Field(description="probability that a connection is on or off anew")] = 0.01,
        mutation_rate: Annotated[Share, Field(description="share of weights that move")] = 0.8,
        mutation_size: Annotated[Weight, Field(description="standard deviation of that")] = 1.0,
        replace_rate: Annotated[Share, Field(description="share of weights that are drawn anew")] = 0.1,
        init_deviation: Annotated[Weight, Field(description="standard deviation of a new weight")] = 1.0,
        largest: Annotated[Positive, Field(description="largest size of a weight")] = 10.0,
        survival: Annotated[
            Annotated[float, Field(gt=0, le=1)], Field(description="share of a species that has children")
        ] = 0.2,
        disjoint: Annotated[Weight, Field(description="c1 = c2, of genes that one of two genomes lacks")] = 1.0,
        difference: Annotated[Weight, Field(description="c3, of the difference of weights")] = 0.4,
        threshold: Annotated[Positive, Field(description="δ_t, distance from which species differ")] = 4.0,
        stagnation: Annotated[
            int, Field(gt=0, description="generations without progress after which a species ends")
        ] = 30,
    ) -> None:
        pass


class NodeGene(BaseGene):
    """A node: that it is there is all there is to it, since the bias is an input."""

    _gene_attributes: ClassVar[list[Any]] = []

    def distance(self, other: NodeGene, config: Any) -> float:
        """Return 0: nodes do not differ."""
        return 0.0


class Genome(DefaultGenome):
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
        by_structure = config.compatibility_disjoint_coefficient * apart / (largest if largest >= FEW_GENES else 1)
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


def library(room: Topology, options: dict[str, Any]) -> Library:
    """Return the library, set up for networks in this room, with options of `Genetics`."""
    own = Genetics(**options).options
    config = SimpleNamespace(
        genome_type=Genome,
        genome_config=Genome.parse_config(_of_genomes(room, own)),
        species_set_config=DefaultSpeciesSet.parse_config(
            {"compatibility_threshold": str(own["threshold"])}
        ),
    )
    stagnation = DefaultStagnation.parse_config(
        _as_text(species_fitness_func="max", max_stagnation=own["stagnation"], species_elitism=KEPT_SPECIES)
    )
    reproduction = DefaultReproduction.parse_config(
        _as_text(elitism=1, survival_threshold=own["survival"], min_species_size=1)
    )
    told = ReporterSet()
    return Library(
        config,
        DefaultReproduction(reproduction, told, DefaultStagnation(stagnation, told)),
        DefaultSpeciesSet(config.species_set_config, told),
    )


def _of_genomes(room: Topology, own: dict[str, Any]) -> dict[str, str]:
    return _as_text(
        num_inputs=room.inputs + 1,  # the last is the bias
        num_outputs=room.outputs,
        num_hidden=0,
        feed_forward=room.layers is not None,
        initial_connection="full_direct" if own["start"] == "full" else "unconnected",
        compatibility_disjoint_coefficient=own["disjoint"],
        compatibility_weight_coefficient=own["difference"],
        conn_add_prob=own["add_connection"],
        conn_delete_prob=own["remove_connection"],
        node_add_prob=own["add_node"],
        node_delete_prob=own["remove_node"],
        weight_init_mean=0.0,
        weight_init_stdev=own["init_deviation"],
        weight_init_type="gaussian",
        weight_mutate_rate=own["mutation_rate"],
        weight_mutate_power=own["mutation_size"],
        weight_replace_rate=own["replace_rate"],
        weight_max_value=own["largest"],
        weight_min_value=-own["largest"],
        enabled_default="true",
        enabled_mutate_rate=own["enable"],
    )


def _as_text(**settings: Any) -> dict[str, str]:
    """Return settings as the library reads them from a file."""
    return {name: str(value) for name, value in settings.items()}

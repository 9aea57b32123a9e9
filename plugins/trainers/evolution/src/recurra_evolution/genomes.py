"""Genomes as weights of a network, and as tensors that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np
import torch
from neat.genes import DefaultConnectionGene
from neat.graphs import feed_forward_layers, required_for_output
from numpy.typing import NDArray
from torch import Tensor

from recurra import Topology
from recurra_evolution.library import Genome, NodeGene


def as_weights(genome: Genome, room: Topology) -> NDArray[np.float64] | None:
    """Return the weights (n (1 + I + n),) of a genome's network, or None if there is no room for it."""
    active = [gene for gene in genome.connections.values() if gene.enabled]
    used = _used(room, [gene.key for gene in active if gene.key[0] >= 0])
    if used is None:
        return None
    rows = {node: row for row, node in enumerate(used)}
    w = np.zeros(room.weights.shape)
    for gene in active:
        a, b = gene.key
        if b in rows and (a < 0 or a in rows):
            w[rows[b], _column(a, rows, room)] = gene.weight
    return w.ravel()


def _used(room: Topology, among_nodes: list[tuple[int, int]]) -> list[int] | None:
    """Return the nodes that the answer depends on, outputs first, or None if too many or too deep."""
    outputs = list(range(room.outputs))
    if room.layers is None:
        depth, required = 0, required_for_output([], outputs, among_nodes)
    else:
        layers, required = feed_forward_layers([], outputs, among_nodes)
        depth = len(layers)
    hidden = sorted(required - set(outputs))
    fits = len(hidden) <= room.hidden and depth <= (room.layers or 0)
    return outputs + hidden if fits else None


def _column(node: int, rows: Mapping[int, int], room: Topology) -> int:
    """Return where connections from a node are: the library numbers inputs −1, −2, …, and the bias last."""
    if node >= 0:
        return 1 + room.inputs + rows[node]
    return 0 if node == -room.inputs - 1 else -node


def saved(genomes: Iterable[Genome]) -> dict[str, Tensor]:
    """Return all that is known of genomes, in their order."""
    genomes = list(genomes)
    genes = [gene for genome in genomes for gene in genome.connections.values()]
    nodes = [node for genome in genomes for node in genome.nodes]
    fitness = [float("nan") if genome.fitness is None else genome.fitness for genome in genomes]
    return {
        "keys": torch.tensor([genome.key for genome in genomes]),
        "fitness": torch.tensor(fitness, dtype=torch.float64),
        "nodes_each": torch.tensor([len(genome.nodes) for genome in genomes]),
        "nodes": torch.tensor(nodes),
        "genes_each": torch.tensor([len(genome.connections) for genome in genomes]),
        "ends": torch.tensor([gene.key for gene in genes], dtype=torch.int64).reshape(-1, 2),
        "innovations": torch.tensor([gene.innovation for gene in genes], dtype=torch.int64),
        "weights": torch.tensor([gene.weight for gene in genes], dtype=torch.float64),
        "enabled": torch.tensor([gene.enabled for gene in genes], dtype=torch.bool),
    }


def restored(state: Mapping[str, Tensor]) -> dict[int, Genome]:
    """Return the genomes again, by their keys."""
    known = {name: part.tolist() for name, part in state.items()}
    nodes = iter(known["nodes"])
    genes = zip(known["ends"], known["innovations"], known["weights"], known["enabled"], strict=True)
    found = {}
    for key, fitness, nodes_each, genes_each in zip(
        known["keys"], known["fitness"], known["nodes_each"], known["genes_each"], strict=True
    ):
        genome = found[key] = Genome(key)
        genome.fitness = None if fitness != fitness else fitness
        genome.nodes = {node: NodeGene(node) for node in islice(nodes, nodes_each)}
        genome.connections = dict(_connection(*gene) for gene in islice(genes, genes_each))
    return found


def _connection(
    ends: list[int], innovation: int, weight: float, enabled: bool
) -> tuple[Any, DefaultConnectionGene]:
    gene = DefaultConnectionGene((ends[0], ends[1]), innovation)
    gene.weight, gene.enabled = weight, enabled
    return gene.key, gene

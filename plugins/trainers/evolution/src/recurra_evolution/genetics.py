"""The options of NEAT."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recurra import Options

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]


class Genetics(Options):
    """How genomes change, and which of them have children together: the options of NEAT.

    Most defaults are those of Stanley and Miikkulainen 2002; `mutation_rate` is 0.8 there, `threshold` 3 and
    `stagnation` 15, `mutation_size` is not given, and `species` and `restart` are not from there.
    """

    start: Annotated[
        Literal["full", "empty"],
        Field(description="initially connect all inputs and the bias to all outputs, or nothing"),
    ] = "full"
    add_connection: Annotated[Share, Field(description="probability of adding a connection")] = 0.3
    remove_connection: Annotated[Share, Field(description="probability of removing a connection")] = 0.0
    add_node: Annotated[Share, Field(description="probability of adding a node on a connection")] = 0.03
    remove_node: Annotated[Share, Field(description="probability of removing a node")] = 0.0
    enable: Annotated[
        Share, Field(description="probability of redrawing whether a connection is enabled")
    ] = 0.01
    mutation_rate: Annotated[Share, Field(description="fraction of weights that are perturbed")] = 0.4
    mutation_size: Annotated[Weight, Field(description="standard deviation of the perturbation")] = 2.0
    replace_rate: Annotated[Share, Field(description="fraction of weights that are redrawn")] = 0.1
    init_deviation: Annotated[Weight, Field(description="standard deviation of a new weight")] = 1.0
    largest: Annotated[Positive, Field(description="maximum absolute value of a weight")] = 10.0
    survival: Annotated[
        Annotated[float, Field(gt=0, le=1)], Field(description="fraction of a species that reproduces")
    ] = 0.2
    disjoint: Annotated[
        Weight, Field(description="c1 = c2, weight of the genes that only one of two genomes has")
    ] = 1.0
    difference: Annotated[Weight, Field(description="c3, weight of the mean weight difference")] = 0.4
    threshold: Annotated[Positive, Field(description="δ_t, initial distance from which species differ")] = 4.0
    species: Annotated[
        int | None,
        Field(gt=0, description="target number of species, towards which δ_t is adapted; none: keep δ_t"),
    ] = 10
    stagnation: Annotated[
        int, Field(gt=0, description="generations without progress after which a species is removed")
    ] = 30
    restart: Annotated[
        int | None,
        Field(gt=0, description="generations without a fitter genome after which the search restarts"),
    ] = None

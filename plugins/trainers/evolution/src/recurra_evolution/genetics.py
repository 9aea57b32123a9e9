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
    `stagnation` 15, `mutation_size` is not told, and `species` and `restart` are not from there.
    """

    start: Annotated[
        Literal["full", "empty"],
        Field(description="at first all inputs and the bias are connected to all outputs, or nothing is"),
    ] = "full"
    add_connection: Annotated[Share, Field(description="probability of another connection")] = 0.3
    remove_connection: Annotated[Share, Field(description="probability of one less")] = 0.0
    add_node: Annotated[Share, Field(description="probability of a node on a connection")] = 0.03
    remove_node: Annotated[Share, Field(description="probability of a node less")] = 0.0
    enable: Annotated[Share, Field(description="probability that a connection is on or off anew")] = 0.01
    mutation_rate: Annotated[Share, Field(description="share of weights that move")] = 0.4
    mutation_size: Annotated[Weight, Field(description="standard deviation of that")] = 2.0
    replace_rate: Annotated[Share, Field(description="share of weights that are drawn anew")] = 0.1
    init_deviation: Annotated[Weight, Field(description="standard deviation of a new weight")] = 1.0
    largest: Annotated[Positive, Field(description="largest size of a weight")] = 10.0
    survival: Annotated[
        Annotated[float, Field(gt=0, le=1)], Field(description="share of a species that has children")
    ] = 0.2
    disjoint: Annotated[Weight, Field(description="c1 = c2, of genes that one of two genomes lacks")] = 1.0
    difference: Annotated[Weight, Field(description="c3, of the difference of weights")] = 0.4
    threshold: Annotated[Positive, Field(description="δ_t, distance from which species differ, at first")] = (
        4.0
    )
    species: Annotated[
        int | None,
        Field(gt=0, description="δ_t moves by a tenth a generation towards so many; none: it stays"),
    ] = 10
    stagnation: Annotated[
        int, Field(gt=0, description="generations without progress after which a species ends")
    ] = 30
    restart: Annotated[
        int | None,
        Field(gt=0, description="generations without a fitter genome after which all begins anew"),
    ] = None

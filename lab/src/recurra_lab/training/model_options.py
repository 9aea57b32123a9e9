"""The options of the model, which form the section `model` of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from recurra.config.options import Options, completed
from recurra.config.ref import Ref
from recurra_lab.training.wrapper_options import (
    NO_BLOCK,
    NO_DROPOUT,
    NO_ZONEOUT,
    UNCONSTRAINED,
    BlockChoice,
    DropoutOptions,
    WeightsChoice,
    ZoneoutOptions,
)
from recurra_wrappers.stacked import Drop, Skip

Count = Annotated[int, Field(gt=0)]
Normalise = Literal["none", "linears", "outputs", "states"]


def _as_cell(value: Any) -> Any:
    """Convert an entry of a list of cells: a name, or a table with name and options."""
    if isinstance(value, str):
        return Ref("cell", value)
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return Ref("cell", value["name"], **{k: v for k, v in value.items() if k != "name"})
    if not isinstance(value, Ref) or value.kind != "cell":
        raise ValueError("expected cells, such as [NAME, {name=NAME, hidden_size=64}]")
    return value


AnyCell = Annotated[Ref, BeforeValidator(_as_cell)]


class ModelOptions(Options):
    """Embedding (for tokens), one or more layers of a cell, and a linear readout at every step.

    `recurrent_dropout` and `zoneout` wrap every cell; `layer_norm` normalises the `linears` inside each
    cell (`recurra_wrappers.NormalisedLinears`), its `outputs` or its `states`
    (`recurra_wrappers.LayerNormalised`). For `skip` and `dropout` see `recurra_wrappers.Layers`.

    `weights` constrains the recurrent matrices of every cell (`recurra_wrappers.ConstrainedWeights`).

    `block=residual` makes every layer a residual block around its cell (`recurra_wrappers.Block`), with the
    other wrappers inside; the last block normalises its output. A Mamba has `layers=6 block=residual
    block.expand=2 block.norm=rms block.convolution=4 block.gate=true` around a selective state space; `stack`
    adds blocks around other cells.
    """

    model_config = ConfigDict(title="Model")

    layers: Annotated[Count, Field(le=10_000, description="number of layers of the same cell")] = 1
    stack: Annotated[
        tuple[AnyCell, ...], Field(strict=False, description="cells of additional layers, bottom to top")
    ] = ()
    bidirectional: Annotated[bool, Field(description="make every layer bidirectional")] = False
    skip: Skip = False
    dropout: Drop = 0.0
    recurrent_dropout: Annotated[
        DropoutOptions, Field(description="variational dropout: one mask per sequence")
    ] = NO_DROPOUT
    zoneout: Annotated[
        ZoneoutOptions, Field(description="zoneout: randomly keep entries of the previous state")
    ] = NO_ZONEOUT
    layer_norm: Annotated[Normalise, Field(description="which part of a cell to normalise")] = "none"
    weights: Annotated[
        WeightsChoice, Field(description="constraint of the recurrent matrices of every cell")
    ] = UNCONSTRAINED
    block: Annotated[BlockChoice, Field(description="make every layer a residual block")] = NO_BLOCK
    learned_initial_state: Annotated[bool, Field(description="learn the initial state of every cell")] = False
    embedding_size: Annotated[Count, Field(description="embedding size of tokens")] = 64
    readout: Annotated[
        Literal["linear", "none"],
        Field(description="linear: linear layer; none: use the output of the last layer"),
    ] = "linear"
    readout_bias: Annotated[bool, Field(description="give the linear readout biases")] = True
    readout_init_range: Annotated[
        float | None,
        Field(
            gt=0,
            description="initialize the readout uniformly within ± this; none: weights by Xavier, biases 0",
        ),
    ] = None

    @field_validator("weights", "block", mode="before")
    @classmethod
    def _complete(cls, value: Any, info: ValidationInfo) -> Any:
        name = str(info.field_name)
        return completed(name, cls.model_fields[name], value)

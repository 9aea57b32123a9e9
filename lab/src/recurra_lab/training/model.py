"""The model of a run: tokens become vectors, cells become layers, and a readout meets the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator, Field
from torch import Tensor, nn

from recurra.cell import Cell, Network, SequenceLayer, Tags
from recurra.config.options import Configurable, Ref
from recurra.errors import IncompatibleParts, InvalidInput
from recurra.task import Task
from recurra.wrappers import (
    Bidirectional,
    LayerNormalised,
    Layers,
    LearnedInitialState,
    NormalisedLinears,
    RecurrentDropout,
    Stacked,
    Zoneout,
)
from recurra.wrappers.stacked import Drop, Skip

Count = Annotated[int, Field(gt=0)]
Normalise = Literal["none", "linears", "outputs", "states"]
NOTHING: dict[str, Any] = {}
ONE_MASK = "variational dropout, with one mask for a whole sequence"
KEEP = "zoneout: the state stays, at random, what it was"


def _as_cell(value: Any) -> Any:
    """Take what stands for a cell in a list: its name, or a table with its name and options."""
    if isinstance(value, str):
        return Ref("cell", value)
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return Ref("cell", value["name"], **{k: v for k, v in value.items() if k != "name"})
    if not isinstance(value, Ref) or value.kind != "cell":
        raise ValueError('expected cells, such as ["gru", {name="lstm", hidden_size=64}]')
    return value


AnyCell = Annotated[Ref, BeforeValidator(_as_cell)]


class TreeEmbedding(nn.Embedding):
    """Trees of tokens (B, T, 2) -> vectors with the arity of each node after them, (B, T, E + 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Embed the tokens, channel 0 of x, and keep the arities, channel 1."""
        return torch.cat([super().forward(x[..., 0]), x[..., 1:].to(self.weight.dtype)], -1)


EMBEDDINGS: Mapping[str, type[nn.Embedding]] = {"tokens": nn.Embedding, "token-trees": TreeEmbedding}
"""What makes vectors of the tokens that a task gives."""


class Model(Configurable, Network):
    """Embedding (for tokens), one or more layers of a cell, and a linear readout at every step.

    Shapes: x (B, T, I), tokens (B, T) or trees of tokens (B, T, 2) -> y (B, T, O), state. For a task that
    gives graphs see `GraphModel`; `make_model` chooses between the two.

    Args:
        task: Says what is read and how wide the output must be.
        cell: The cell of every layer, by reference.
        layers: Number of layers of that cell.
        stack: Cells of more layers on top of these, each of its own kind and size.
        bidirectional: Run a second cell from the end in every layer.
        skip: Let every layer read x too, and the readout see all layers; see `recurra.wrappers.Layers`.
        dropout: Between layers; see `recurra.wrappers.Layers`.
        recurrent_dropout: Options of `recurra.wrappers.RecurrentDropout`, around every cell.
        zoneout: Options of `recurra.wrappers.Zoneout`, around every cell.
        layer_norm: What is normalised: the `linears` inside each cell (`recurra.wrappers.NormalisedLinears`),
            its `outputs` or its `states` (`recurra.wrappers.LayerNormalised`).
        learned_initial_state: Learn the start of every cell; see `recurra.wrappers.LearnedInitialState`.
        embedding_size: Width of a token's vector.
        readout: What is between the last layer and the answer.

    Raises:
        IncompatibleParts: The cell reads other structures than the task gives; or there is no readout, and
            the width of the last layer is not that of the answer.
    """

    embedding: nn.Embedding | None

    def __init__(
        self,
        task: Task,
        cell: Ref,
        *,
        layers: Annotated[Count, Field(description="number of layers, each of the same cell")] = 1,
        stack: Annotated[tuple[AnyCell, ...], Field(description="cells of more layers, upwards")] = (),
        bidirectional: Annotated[bool, Field(description="read from both ends, in every layer")] = False,
        skip: Skip = False,
        dropout: Drop = 0.0,
        recurrent_dropout: Annotated[dict[str, Any], RecurrentDropout, Field(description=ONE_MASK)] = NOTHING,
        zoneout: Annotated[dict[str, Any], Zoneout, Field(description=KEEP)] = NOTHING,
        layer_norm: Annotated[Normalise, Field(description="what of a cell is normalised")] = "none",
        learned_initial_state: Annotated[bool, Field(description="learn the start of every cell")] = False,
        embedding_size: Annotated[Count, Field(description="width of a token's vector")] = 64,
        readout: Annotated[
            Literal["linear", "none"], Field(description="none: what the cell puts out is the answer")
        ] = "linear",
    ) -> None:
        super().__init__()
        kind = EMBEDDINGS.get(task.gives)
        self.embedding = kind(task.input_size, embedding_size) if kind else None
        width = self._width(task, embedding_size)
        around = _Wrappers(learned_initial_state, layer_norm, zoneout, recurrent_dropout)
        cells = [cell] * layers + list(stack)
        self.sequencer = _sequencer(cells, width, around, bidirectional, skip=skip, dropout=dropout)
        _check_reads(task, cell, self.tags)
        self.readout = _readout(readout, self.sequencer, task)

    def forward(self, x: Tensor, state: Any = None, *, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """Run over a batch: x as its task gives it -> y (B, T, O) and the final state."""
        vectors = x if self.embedding is None else self.embedding(_checked_tokens(x, self.embedding))
        y, state = self.sequencer(vectors, state, lengths=lengths)
        return self.readout(y), state

    def _width(self, task: Task, embedding_size: int) -> int:
        """Return the width of what the first layer reads."""
        if self.embedding is None:
            return task.input_size
        return embedding_size + isinstance(self.embedding, TreeEmbedding)

    @property
    def tags(self) -> Tags:
        """What all cells of the model promise together."""
        return Tags.combined([self.sequencer])


@dataclass(frozen=True)
class _Wrappers:
    """What goes around every cell of a model; nothing where nothing was asked for."""

    learned_start: bool
    layer_norm: Normalise
    zoneout: Mapping[str, Any]
    dropout: Mapping[str, Any]

    def built(self, cell: Ref, width: int) -> Cell[Any]:
        """Build a cell and wrap it, what changes its step within what drops its results."""
        built: Cell[Any] = cell.build(width)
        if self.layer_norm == "linears":
            built = NormalisedLinears(built)
        if self.learned_start:
            built = LearnedInitialState(built)
        if self.layer_norm in ("outputs", "states"):
            outputs = self.layer_norm == "outputs"
            built = LayerNormalised(built, outputs=outputs, states=not outputs)
        if any(self.zoneout.values()):
            built = Zoneout(built, **self.zoneout)
        if any(self.dropout.values()):
            built = RecurrentDropout(built, **self.dropout)
        return built


def _sequencer(
    cells: Sequence[Ref], width: int, around: _Wrappers, bidirectional: bool, **options: Any
) -> SequenceLayer:
    made: list[Any] = []
    reads = width
    for cell in cells:
        made.append(_layer(cell, reads, around, bidirectional))
        reads = made[-1].output_size + (width if options["skip"] else 0)
    if len(made) == 1 and not options["dropout"]:
        return made[0]  # type: ignore[no-any-return]
    return Layers(made, **options) if bidirectional else Stacked(made, **options)


def _layer(cell: Ref, width: int, around: _Wrappers, bidirectional: bool) -> SequenceLayer:
    ahead = around.built(cell, width)
    return Bidirectional(ahead, around.built(cell, width)) if bidirectional else ahead


def _readout(kind: str, sequencer: SequenceLayer, task: Task) -> nn.Module:
    width = sequencer.output_size
    if kind == "none":
        if width != task.output_size:
            told = f"puts out {width} numbers, and task '{type(task).__name__}' wants {task.output_size}"
            known = getattr(sequencer, "options", {})
            choice = f"cell.output_size={task.output_size} or " if "output_size" in known else ""
            raise IncompatibleParts(f"{type(sequencer).__name__} {told}; choose {choice}model.readout=linear")
        return nn.Identity()
    made = nn.Linear(width, task.output_size)
    nn.init.xavier_uniform_(made.weight)
    nn.init.zeros_(made.bias)
    return made


def _checked_tokens(x: Tensor, embedding: nn.Embedding) -> Tensor:
    trees = isinstance(embedding, TreeEmbedding)
    shape_is_wrong = x.dim() != 3 or x.shape[-1] != 2 if trees else x.dim() != 2
    if shape_is_wrong or x.dtype not in (torch.int64, torch.int32):
        wanted = "trees of tokens must be (batch, time, 2)" if trees else "tokens must be (batch, time)"
        got = f"{tuple(x.shape)} of {x.dtype}"
        raise InvalidInput(f"Model: {wanted} of torch.int64 or torch.int32, got {got}")
    tokens, known = x[..., 0] if trees else x, embedding.num_embeddings
    # A program under trace cannot ask for values. Elsewhere a GPU would end the process at the embedding.
    if torch.compiler.is_compiling() or not x.numel():
        return x
    span = int(tokens.min()), int(tokens.max())
    if not 0 <= span[0] <= span[1] < known:
        told = f"tokens must lie between 0 and {known - 1}, got {span[0]} to {span[1]}"
        raise InvalidInput(f"Model: {told}")
    return x


def _check_reads(task: Task, cell: Ref, tags: Tags) -> None:
    given = {"tokens": "vectors", "token-trees": "trees", "graphs": "trees"}.get(task.gives, task.gives)
    if tags.input_kind != given:
        told = (
            f"cell '{cell.name}' reads {tags.input_kind}, but task '{type(task).__name__}' gives {task.gives}"
        )
        raise IncompatibleParts(f"{told}; choose a cell that reads {given}")

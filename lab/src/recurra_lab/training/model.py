"""The model of a run: an embedding, layers of cells, and a readout."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from recurra.cell import Cell, Network, SequenceLayer, Tags
from recurra.config.ref import Ref
from recurra.errors import IncompatibleParts, InvalidInput
from recurra.task import Task
from recurra_lab.training.input_formats import INPUT_FORMATS, TreeEmbedding
from recurra_lab.training.model_options import ModelOptions
from recurra_lab.training.wrapper_options import NO_DROPOUT, NO_ZONEOUT, ResidualBlock
from recurra_wrappers import (
    Bidirectional,
    Block,
    LayerNormalised,
    Layers,
    LearnedInitialState,
    NormalisedLinears,
    RecurrentDropout,
    Stacked,
    Zoneout,
)


class Model(Network):
    """Embedding (for tokens), one or more layers of a cell, and a linear readout at every step.

    Shapes: x (B, T, I), tokens (B, T) or trees of tokens (B, T, 2) -> y (B, T, O), state. For graph
    tasks see `GraphModel`; `make_model` selects one of the two.

    Args:
        task: Determines the input kind and the output size.
        cell: The cell of every layer, by reference.
        options: See `ModelOptions`.

    Raises:
        IncompatibleParts: The input kinds of cell and task differ; the model is bidirectional, but later
            steps of the task hold the target of earlier ones; or there is no readout, and the width of the
            last layer is not the output size of the task.
    """

    embedding: nn.Embedding | None

    def __init__(self, task: Task, cell: Ref, **options: Any) -> None:
        super().__init__()
        self.options = chosen = ModelOptions.checked(options)
        _check_direction(task, chosen)
        kind = INPUT_FORMATS[task.input_kind].embedding
        self.embedding = kind(task.input_size, chosen.embedding_size) if kind else None
        self.sequencer = _sequencer(cell, self._width(task, chosen.embedding_size), chosen)
        _check_reads(task, cell, self.tags)
        self.readout = _readout(chosen, self.sequencer, task)

    def forward(self, x: Tensor, state: Any = None, *, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """Run over a batch: x of the task -> y (B, T, O) and the final state."""
        vectors = x if self.embedding is None else self.embedding(checked_tokens(x, self.embedding))
        y, state = self.sequencer(vectors, state, lengths=lengths)
        return self.readout(y), state

    def _width(self, task: Task, embedding_size: int) -> int:
        """Return the input size of the first layer."""
        if self.embedding is None:
            return task.input_size
        return embedding_size + isinstance(self.embedding, TreeEmbedding)

    @property
    def tags(self) -> Tags:
        """The combined tags of all cells of the model."""
        return Tags.combined([self.sequencer])


def _sequencer(cell: Ref, width: int, options: ModelOptions) -> SequenceLayer:
    built: list[Any] = []
    reads = width
    cells = [cell] * options.layers + list(options.stack)
    for number, each in enumerate(cells, 1):
        built.append(_layer(each, reads, options, last=number == len(cells)))
        reads = built[-1].output_size + (width if options.skip else 0)
    if len(built) == 1 and not options.dropout:
        return built[0]  # type: ignore[no-any-return]
    layers = Layers if options.bidirectional else Stacked
    return layers(built, skip=options.skip, dropout=options.dropout)


def _layer(cell: Ref, width: int, options: ModelOptions, last: bool) -> SequenceLayer:
    ahead = _direction(cell, width, options, last)
    return Bidirectional(ahead, _direction(cell, width, options, last)) if options.bidirectional else ahead


def _direction(cell: Ref, width: int, options: ModelOptions, last: bool) -> Cell[Any]:
    """Build a cell with its wrappers, and the block around it; only the last block normalises its output."""
    block = options.block
    if not isinstance(block, ResidualBlock):
        return _wrapped(cell, width, options)
    stream = block.width or width
    inner = _wrapped(cell, max(1, round(block.expand * stream)), options)
    chosen = {name: value for name, value in block.arguments().items() if name not in ("width", "expand")}
    return Block(inner, width, width=stream, norm_output=last, **chosen)


def _wrapped(cell: Ref, width: int, options: ModelOptions) -> Cell[Any]:
    """Build a cell and wrap it; wrappers that change the step go inside those that drop outputs or states."""
    built: Cell[Any] = cell.build(width)
    if options.layer_norm == "linears":
        built = NormalisedLinears(built)
    built = options.weights.applied(built)
    if options.learned_initial_state:
        built = LearnedInitialState(built)
    if options.layer_norm in ("outputs", "states"):
        outputs = options.layer_norm == "outputs"
        built = LayerNormalised(built, outputs=outputs, states=not outputs)
    if options.zoneout != NO_ZONEOUT:
        built = Zoneout(built, **dict(options.zoneout))
    if options.recurrent_dropout != NO_DROPOUT:
        built = RecurrentDropout(built, **dict(options.recurrent_dropout))
    return built


def _readout(options: ModelOptions, sequencer: SequenceLayer, task: Task) -> nn.Module:
    width = sequencer.output_size
    if options.readout == "none":
        if width != task.output_size:
            message = f"has output size {width}, but task '{type(task).__name__}' needs {task.output_size}"
            known = getattr(sequencer, "options", {})
            choice = f"cell.output_size={task.output_size} or " if "output_size" in known else ""
            raise IncompatibleParts(
                f"{type(sequencer).__name__} {message}; choose {choice}model.readout=linear"
            )
        return nn.Identity()
    made = nn.Linear(width, task.output_size, bias=options.readout_bias)
    largest = options.readout_init_range
    for p in made.parameters():
        if largest is not None:
            nn.init.uniform_(p, -largest, largest)
        elif p.dim() > 1:
            nn.init.xavier_uniform_(p)
        else:
            nn.init.zeros_(p)
    return made


def checked_tokens(x: Tensor, embedding: nn.Embedding) -> Tensor:
    """Return the tokens, which an embedding must know.

    Raises:
        InvalidInput: They have another shape or type, or one of them is unknown.
    """
    trees = isinstance(embedding, TreeEmbedding)
    shape_is_wrong = x.dim() != 3 or x.shape[-1] != 2 if trees else x.dim() != 2
    if shape_is_wrong or x.dtype not in (torch.int64, torch.int32):
        wanted = "trees of tokens must be (batch, time, 2)" if trees else "tokens must be (batch, time)"
        got = f"{tuple(x.shape)} of {x.dtype}"
        raise InvalidInput(f"Model: {wanted} of torch.int64 or torch.int32, got {got}")
    tokens, known = x[..., 0] if trees else x, embedding.num_embeddings
    # Tracing cannot inspect values. Without this check, a GPU would abort the process at the embedding.
    if torch.compiler.is_compiling() or not x.numel():
        return x
    span = int(tokens.min()), int(tokens.max())
    if not 0 <= span[0] <= span[1] < known:
        message = f"tokens must lie between 0 and {known - 1}, got {span[0]} to {span[1]}"
        raise InvalidInput(f"Model: {message}")
    return x


def _check_direction(task: Task, options: ModelOptions) -> None:
    if options.bidirectional and task.causal:
        message = f"task '{type(task).__name__}' asks for what follows, which a bidirectional network reads"
        raise IncompatibleParts(f"{message}; choose model.bidirectional=false")


def _check_reads(task: Task, cell: Ref, tags: Tags) -> None:
    needed = INPUT_FORMATS[task.input_kind].read_by
    if tags.input_kind != needed:
        given = f"task '{type(task).__name__}' provides {task.input_kind}"
        message = f"cell '{cell.name}' reads {tags.input_kind}, but {given}"
        raise IncompatibleParts(f"{message}; choose a cell that reads {needed}")

"""The cell: `step(x, state) -> (y, state)`. Everything recurrent in this framework is one."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from recurra import sequence
from recurra.config.options import Configurable
from recurra.errors import InvalidInput
from recurra.input_kind import InputKind
from recurra.rng import preserve_rng_state
from recurra.state import Structure, misfit, mixes_precisions, structure_of

S = TypeVar("S")
INTEGER_DTYPES = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


@dataclass(frozen=True)
class Tags:
    """What a cell promises; the contract kit and the learning rules decide by these, never by names.

    A class has them for all its cells; one whose promise depends on an option sets `self.tags`.

    Args:
        differentiable: Autograd reaches every parameter.
        exact_gradient: That gradient is the true one (a truncated rule's is not).
        stochastic: A step in training mode draws random numbers.
        input_kind: `vectors` or `trees`, the structure that the cell reads; tokens are embedded into vectors.
    """

    differentiable: bool = True
    exact_gradient: bool = True
    stochastic: bool = False
    input_kind: InputKind = "vectors"

    @classmethod
    def combined(cls, parts: Iterable[SequenceLayer], *, stochastic: bool = False) -> Tags:
        """Return what parts promise together; the first one decides what is read.

        The cells in a part decide; a part without one, such as a layer of its own kind, promises for itself.

        Args:
            parts: At least one.
            stochastic: What joins the parts draws random numbers of its own.
        """
        each = [tags for part in parts for tags in _tags_of(part)]
        return cls(
            differentiable=all(tags.differentiable for tags in each),
            exact_gradient=all(tags.exact_gradient for tags in each),
            stochastic=stochastic or any(tags.stochastic for tags in each),
            input_kind=each[0].input_kind,
        )


def _tags_of(part: SequenceLayer) -> list[Tags]:
    return [module.tags for module in part.modules() if isinstance(module, Cell)] or [part.tags]


class SequenceLayer(nn.Module, abc.ABC):
    """Anything that turns a sequence into a sequence: a cell, or a wrapper such as a bidirectional pair.

    Shapes: x (B, T, I) -> y (B, T, O) and the state after each row's last step.
    """

    tags: Tags = Tags()
    input_size: int
    output_size: int

    @abc.abstractmethod
    def initial_state(self, batch_size: int) -> Any:
        """Return the state before the first step, with the batch on axis 0 of every tensor."""

    @abc.abstractmethod
    def run(self, x: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        """Run over inputs that `forward` has checked."""

    def forward(
        self, x: Tensor | PackedSequence, state: Any = None, lengths: Tensor | None = None
    ) -> tuple[Any, Any]:
        """Run over a whole sequence.

        Args:
            x: (B, T, I), or a `PackedSequence`, which gives a `PackedSequence` back.
            state: Where to start, or None for the initial state.
            lengths: (B,) steps that count in each row; past them the state stands still and y is zero.

        Returns:
            y (B, T, O) and the final state.

        Raises:
            InvalidInput: A tensor has the wrong shape, dtype or device, or a length exceeds T.
        """
        if isinstance(x, PackedSequence):
            return self._forward_packed(x, state)
        check_input(self, x)
        lengths = checked_lengths(self, x, lengths)
        return self.run(x, self.started(state, x.shape[0]), lengths)

    def started(self, state: Any, batch_size: int) -> Any:
        """Return the initial state for None, and else the given state, after a check.

        Raises:
            InvalidInput: The structure, or a shape, dtype or device, is not that of the initial state.
        """
        if state is None:
            return self.initial_state(batch_size)
        check_state(self, state, batch_size)
        return state

    def _forward_packed(self, x: PackedSequence, state: Any) -> tuple[PackedSequence, Any]:
        padded, lengths = pad_packed_sequence(x, batch_first=True)
        y, state = self(padded, state, lengths)
        # In the order of x and not sorted anew: among rows of equal length, y.data would not match x.data.
        if x.sorted_indices is not None:
            y, lengths = y[x.sorted_indices], lengths[x.sorted_indices.cpu()]
        packed = pack_padded_sequence(y, lengths, batch_first=True)
        return PackedSequence(packed.data, x.batch_sizes, x.sorted_indices, x.unsorted_indices), state

    def auxiliary_loss(self, state: Any) -> Tensor | None:
        """Return a loss (B,) of the cell's own, beside the task's; None for most cells."""
        return None

    def diagnostics(self, state: Any) -> dict[str, Tensor]:
        """Return what is worth drawing of a state: name -> (B, n), one column of a picture per step."""
        return {}


class Network(nn.Module, abc.ABC):
    """What a learning rule trains: a sequencer between what embeds tokens and what reads out answers.

    Shapes: x (B, T, I) or tokens (B, T) -> y (B, T, O) and the final state.

    Attributes:
        sequencer: The cell, or the wrapper of cells.
        embedding: What makes vectors of tokens, or None where vectors are read.
        readout: What makes answers of the sequencer's outputs.
    """

    sequencer: SequenceLayer
    embedding: nn.Module | None
    readout: nn.Module

    @property
    @abc.abstractmethod
    def tags(self) -> Tags:
        """What all cells of the network promise together."""

    @abc.abstractmethod
    def forward(self, x: Tensor, state: Any = None, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """Run over a batch: x as its task gives it -> y (B, T, O) and the final state."""


class Cell(Configurable, SequenceLayer, Generic[S]):
    """One step of a recurrent network, written as its paper writes it.

    A subclass says its state (a NamedTuple of tensors that holds *everything* that survives a step), how it
    starts and one step; sequences, lengths, streaming, stacking and training are done for it. `step` must be
    pure: it changes neither its arguments nor the module.

    Args:
        input_size: I, the width of x.
        output_size: O, the width of y.
    """

    def __init__(self, input_size: int, output_size: int) -> None:
        super().__init__()
        self.input_size, self.output_size = input_size, output_size

    @abc.abstractmethod
    def initial_state(self, batch_size: int) -> S:
        """Return the state before the first step, with the batch on axis 0 of every tensor."""

    @abc.abstractmethod
    def step(self, x: Tensor, state: S) -> tuple[Tensor, S]:
        """Advance by one step: x (B, I), state -> y (B, O), state."""

    def run(self, x: Tensor, state: S, lengths: Tensor | None) -> tuple[Tensor, S]:
        """Run over inputs that `forward` has checked, at the engine's best level."""
        return sequence.run(self, x, state, lengths)

    def zeros(self, batch_size: int, *sizes: int) -> Tensor:
        """Return zeros (B, *sizes) on the device and in the dtype of the parameters, else of the buffers."""
        return torch.zeros(batch_size, *sizes, **placement(self))


def first_tensor(module: nn.Module) -> Tensor | None:
    """Return a tensor that says where a module is and in which dtype, or None if it has none.

    That is its first parameter, else its first buffer of real numbers, else any buffer.
    """
    for parameter in module.parameters():
        return parameter
    buffers = list(module.buffers())
    return next((buffer for buffer in buffers if buffer.is_floating_point()), buffers[0] if buffers else None)


def placement(module: nn.Module) -> dict[str, Any]:
    """Return device and dtype of what a module computes, as arguments of torch's functions."""
    like = first_tensor(module)
    if like is None:
        return {}
    return {"device": like.device, "dtype": like.dtype if like.is_floating_point() else None}


def add_losses(losses: Iterable[Tensor | None]) -> Tensor | None:
    """Return the sum of the parts' own losses; None if no part has one."""
    own = [loss for loss in losses if loss is not None]
    return torch.stack(own).sum(0) if own else None


def check_input(module: SequenceLayer, x: Tensor) -> None:
    """Refuse an input that would fail, or silently broadcast, deeper down."""
    who, wanted = type(module).__name__, f"(batch, time, {module.input_size})"
    if not isinstance(x, Tensor):
        raise InvalidInput(f"{who}: x must be a tensor {wanted}, got {type(x).__name__}")
    if x.dim() != 3 or x.shape[-1] != module.input_size:
        raise InvalidInput(f"{who}: x must be {wanted}, got {tuple(x.shape)}")
    if not x.is_floating_point():
        raise InvalidInput(f"{who}: x must hold real numbers, got {x.dtype}; tokens need an embedding")
    _check_placement(who, module, x)


def _check_placement(who: str, module: SequenceLayer, x: Tensor) -> None:
    like = first_tensor(module)
    if like is None:
        return
    what = "parameters" if isinstance(like, nn.Parameter) else "buffers"
    if like.device != x.device:
        place = f"x is on {x.device} but the {what} are on {like.device}"
        raise InvalidInput(f"{who}: {place}; move one of them")
    if like.is_floating_point() and like.dtype != x.dtype and not mixes_precisions(x):
        raise InvalidInput(f"{who}: x is {x.dtype} but the {what} are {like.dtype}; convert one of them")


def checked_lengths(module: SequenceLayer, x: Tensor, lengths: Tensor | None) -> Tensor | None:
    """Return valid lengths on the device of x (B, T, I), or None where every row has all T steps."""
    if lengths is None:
        return None
    who, (batch_size, steps) = type(module).__name__, x.shape[:2]
    _check_kind_of_lengths(who, batch_size, lengths)
    if not batch_size:
        return None
    # Both ends are read at once, since reading a number of a GPU waits for all its work.
    shortest, longest = torch.stack(lengths.aminmax()).tolist()
    if not 0 <= shortest <= longest <= steps:
        span = f"{shortest} to {longest}"
        raise InvalidInput(f"{who}: lengths must lie between 0 and the {steps} steps of x, got {span}")
    return None if shortest == steps else lengths.to(x.device)


def _check_kind_of_lengths(who: str, batch_size: int, lengths: Tensor) -> None:
    wanted = f"{who}: lengths must be a tensor ({batch_size},) of whole numbers"
    if not isinstance(lengths, Tensor):
        raise InvalidInput(f"{wanted}, got {type(lengths).__name__}")
    if lengths.shape != (batch_size,) or lengths.dtype not in INTEGER_DTYPES:
        raise InvalidInput(f"{wanted}, got {tuple(lengths.shape)} of {lengths.dtype}")


_structures: WeakKeyDictionary[SequenceLayer, tuple[Any, Structure]] = WeakKeyDictionary()
"""The structure of each module's states, beside what it depends on."""


def check_state(module: SequenceLayer, state: Any, batch_size: int) -> None:
    """Refuse a state whose structure, shapes, dtypes or devices differ from those of the initial state.

    The initial state, which may be large or drawn, is computed for the first given state only, and again for
    one that does not fit: the module may have changed.
    """
    if torch.compiler.is_compiling():  # what is remembered, and generators, are out of reach of a trace
        return _refuse_misfit(state, structure_of(module.initial_state(batch_size)), batch_size)
    tensors = tuple((t.shape, t.dtype, t.device) for t in (*module.parameters(), *module.buffers()))
    key, (known, structure) = (module.training, tensors), _structures.get(module, (None, {}))
    if key == known and misfit(state, structure, batch_size) is None:
        return None
    with torch.no_grad(), preserve_rng_state():
        structure = structure_of(module.initial_state(batch_size))
    _structures[module] = key, structure
    return _refuse_misfit(state, structure, batch_size)


def _refuse_misfit(state: Any, structure: Structure, batch_size: int) -> None:
    told = misfit(state, structure, batch_size)
    if told is not None:
        raise InvalidInput(told)

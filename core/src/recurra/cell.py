"""The cell: `step(x, state) -> (y, state)`. Everything recurrent in this framework is one."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from recurra import sequence
from recurra.checks import check_generator, check_input, check_state, checked_lengths, checked_resets
from recurra.config.options import Configurable
from recurra.errors import IncompatibleParts, InvalidInput
from recurra.rng import drawing_from
from recurra.state import placement
from recurra.transforms import Transforms

S = TypeVar("S")
InputKind = Literal["vectors", "trees", "tokens", "token-trees", "graphs"]
"""Cells read `vectors` or `trees`; tasks give any of them."""


@dataclass(frozen=True)
class Tags:
    """Properties of a cell, by which the contract kit and the learning rules decide, never by names.

    Set on the class; a cell whose properties depend on an option sets `self.tags`.

    Args:
        differentiable: Autograd reaches every parameter.
        exact_gradient: That gradient is exact (that of a truncated rule is not).
        stochastic: In training mode a step, or the initial state, draws random numbers.
        input_kind: `vectors` or `trees`, the structure that the cell reads; tokens are embedded into vectors.
    """

    differentiable: bool = True
    exact_gradient: bool = True
    stochastic: bool = False
    input_kind: InputKind = "vectors"

    @classmethod
    def combined(cls, parts: Iterable[SequenceLayer], *, stochastic: bool = False) -> Tags:
        """Return the combined tags of parts; the input kind is that of the first part.

        The tags of a part are those of its cells; a part without cells, such as a custom layer, has its own.

        Args:
            parts: At least one.
            stochastic: Whether whatever combines the parts draws random numbers too.
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

    def __init__(self) -> None:
        super().__init__()
        # Without numbers: it moves with a layer that has no parameters, and says where that is.
        self.register_buffer("_anchor", torch.empty(0), persistent=False)
        self._transforms = Transforms(self)

    def __setstate__(self, state: Any) -> None:
        """Restore a copy or a pickle, for which nothing has been made of the cell."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._transforms = Transforms(self)

    @abc.abstractmethod
    def initial_state(self, batch_size: int) -> Any:
        """Return the state before the first step, with the batch on axis 0 of every tensor."""

    @abc.abstractmethod
    def unroll(
        self,
        x: Tensor,
        state: Any,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        states: bool = False,
    ) -> tuple[Tensor, Any]:
        """Run over inputs that `forward` has checked: x (B, T, I) and a state; the rest as in `forward`.

        Lengths and resets are on the device of x; lengths are None where every row has all T steps.
        """

    def forward(
        self,
        x: Tensor | PackedSequence,
        state: Any = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        states: bool = False,
        rng: torch.Generator | None = None,
    ) -> tuple[Any, Any]:
        """Run over a whole sequence.

        Args:
            x: (B, T, I), or a `PackedSequence`, for which y is a `PackedSequence` too.
            state: The state before the first step, which a reset there discards; None for the initial state.
            lengths: (B,) valid steps of each row; beyond them the state is unchanged and y is zero.
            resets: (B, T) booleans, true where the state is set to the initial state before the step, as at
                the start of an episode. No gradient flows through a reset, and a random initial state is
                drawn again. Resets beyond a row's length have no effect. The rows of a packed x are in
                their order before packing.
            states: Return the states after every step instead of the final one.
            rng: The generator of random steps, on the device of x; None for torch's default generator.

        Returns:
            y (B, T, O) and the final state; or, with `states`, the states after each step, with (B, T) in
            front of every tensor. These are padded also where x is packed.

        Raises:
            InvalidInput: A tensor has the wrong shape, dtype or device, or a length exceeds T.
        """
        if isinstance(x, PackedSequence):
            if lengths is not None:
                raise InvalidInput(
                    f"{type(self).__name__}: lengths must be None, since a packed x has its own"
                )
            return self._forward_packed(x, state, resets=resets, states=states, rng=rng)
        check_input(self, x)
        lengths, resets = checked_lengths(self, x, lengths), checked_resets(self, x, resets)
        if rng is None:
            state = self.started(state, x.shape[0])
            return self.unroll(x, state, lengths=lengths, resets=resets, states=states)
        check_generator(self, x, rng)
        with drawing_from(rng):
            state = self.started(state, x.shape[0])
            return self.unroll(x, state, lengths=lengths, resets=resets, states=states)

    def as_part(self, x: Tensor, state: Any, **how: Any) -> tuple[Tensor, Any]:
        """Run as a part of another layer: `unroll`, or where this layer has hooks a call, which runs them."""
        mine = self._forward_hooks, self._forward_pre_hooks, self._backward_hooks, self._backward_pre_hooks
        called = any(mine) or _has_any_global_hook()  # type: ignore[no-untyped-call]
        return (self if called else self.unroll)(x, state, **how)

    def __prepare_scriptable__(self) -> Any:
        """Refuse `torch.jit.script`, which asks for this method."""
        who, other = type(self).__name__, "use torch.jit.trace or torch.export"
        raise IncompatibleParts(f"{who}: torch.jit.script cannot compile recurrent layers; {other}")

    def started(self, state: Any, batch_size: int) -> Any:
        """Return the initial state for None, and else the given state, after a check.

        Raises:
            InvalidInput: The structure, or a shape, dtype or device, is not that of the initial state.
        """
        if state is None:
            return self.initial_state(batch_size)
        check_state(self, state, batch_size)
        return state

    def _forward_packed(self, x: PackedSequence, state: Any, **how: Any) -> tuple[PackedSequence, Any]:
        padded, lengths = pad_packed_sequence(x, batch_first=True)
        y, state = self(padded, state, lengths=lengths, **how)
        # In the order of x and not sorted anew: among rows of equal length, y.data would not match x.data.
        if x.sorted_indices is not None:
            y, lengths = y[x.sorted_indices], lengths[x.sorted_indices.cpu()]
        packed = pack_padded_sequence(y, lengths, batch_first=True)
        return PackedSequence(packed.data, x.batch_sizes, x.sorted_indices, x.unsorted_indices), state

    def auxiliary_loss(self, state: Any) -> Tensor | None:
        """Return an auxiliary loss (B,), which is added to the task's; None for most cells."""
        return None

    def diagnostics(self, state: Any) -> dict[str, Tensor]:
        """Return diagnostics of a state to plot: name -> (B, n), one column of an image per step."""
        return {}


class Network(nn.Module, abc.ABC):
    """What a learning rule trains: an embedding of tokens, a sequencer and a readout.

    Shapes: x (B, T, I) or tokens (B, T) -> y (B, T, O) and the final state.

    Attributes:
        sequencer: The cell, or the wrapper of cells.
        embedding: Embeds tokens; None if the input consists of vectors.
        readout: Maps the sequencer's outputs to those of the network.
    """

    sequencer: SequenceLayer
    embedding: nn.Module | None
    readout: nn.Module

    @property
    @abc.abstractmethod
    def tags(self) -> Tags:
        """The combined tags of the network's cells."""

    @abc.abstractmethod
    def forward(self, x: Tensor, state: Any = None, *, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """Run over a batch: x as provided by the task -> y (B, T, O) and the final state."""


class Cell(Configurable, SequenceLayer, Generic[S]):
    """One step of a recurrent network, written as in its paper.

    A subclass defines its state (a NamedTuple of tensors that holds *everything* that survives a step), the
    initial state and one step; sequences, lengths, streaming, stacking and training are provided. `step` must
    be pure: it changes neither its arguments nor the module.

    A step may draw random numbers in training mode: with torch's own functions, from torch's default
    generator of its device, and its tags say `stochastic`. `cell(x, rng=generator)` makes it draw from that
    generator; torch's default generator does not advance.

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

    def unroll(
        self,
        x: Tensor,
        state: S,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        states: bool = False,
    ) -> tuple[Tensor, S]:
        """Run over inputs that `forward` has checked, at the engine's best level."""
        return sequence.run(self, x, state, lengths, resets=resets, states=states)

    def zeros(self, batch_size: int, *sizes: int) -> Tensor:
        """Return zeros (B, *sizes) on the device and in the dtype of the cell."""
        return torch.zeros(batch_size, *sizes, **placement(self))


def add_losses(losses: Iterable[Tensor | None]) -> Tensor | None:
    """Return the sum of the parts' auxiliary losses; None if no part has one."""
    own = [loss for loss in losses if loss is not None]
    return torch.stack(own).sum(0) if own else None

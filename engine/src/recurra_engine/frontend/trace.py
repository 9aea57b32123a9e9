"""Read a cell's `step` once: what it does to one row becomes a graph.

The step runs for a single row while every operation is watched, so each recorded shape is that of one row.
Numbers that the step takes from the cell (sizes, options) are in the graph for good; parameters, buffers and
other tensors stay inputs, and what is made of none of the inputs is computed here and now.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from recurra.parametrized import evaluated_once, parametrized
from recurra.state import leaves, map_state
from recurra_engine.frontend.aten import Untranslated
from recurra_engine.frontend.operators import line_in
from recurra_engine.frontend.watched import Watched
from recurra_engine.ir.graph import SHARED, Node, sorted_by_use
from recurra_engine.ir.torch_calls import TorchCall

if TYPE_CHECKING:
    from recurra.cell import Cell


@dataclass(frozen=True)
class Step:
    """One step of a cell as a graph.

    Args:
        y: The output, (1, O).
        states: The state after the step, leaf by leaf.
        constants: Tensors that are neither parameters nor buffers; their leaves follow those of the weights.
        operations: How many operations for each row the user wrote, those that only look at memory aside.
    """

    y: Node
    states: tuple[Node, ...]
    constants: tuple[Tensor, ...]
    operations: int

    @property
    def calls(self) -> list[TorchCall]:
        """What torch is called for at every step."""
        order = sorted_by_use([self.y, *self.states])
        return [node.data[0] for node in order if node.op == "torch" and node.level > SHARED]


def weights_of(cell: nn.Module) -> dict[str, Tensor]:
    """Return what the step may read besides its arguments, by name.

    These are parameters, buffers, and what torch's parametrizations make of them.
    """
    return dict(cell.named_parameters()) | dict(cell.named_buffers()) | parametrized(cell)


def trace(cell: Cell[Any], x: Tensor, state: Any) -> Step:
    """Return the graph of a step for a row like those of x (B, I) and state.

    Raises:
        Untranslated: The step does what a graph of one row cannot say.
    """
    generator = torch.Generator(x.device).manual_seed(0)
    row = map_state(lambda part: part[:1].detach() + 1e-2 * _drawn(part, generator), state)
    with evaluated_once(cell):
        watched = Watched(_drawn(x, generator), row, list(weights_of(cell).values()))
        y, after = _run(cell, watched, row)
    made = [watched.node(value) for value in (y, *(part for _, part in leaves(after)))]
    _check_shapes(made, [y, *(part for _, part in leaves(row))])
    return Step(made[0], tuple(made[1:]), tuple(watched.constants), watched.operations)


def _drawn(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return numbers for a row; of zeros alone a matrix would have no inverse, and a step might fail."""
    return torch.randn(like[:1].shape, generator=generator, dtype=like.dtype, device=like.device)


def _check_shapes(made: list[Node], like: list[Tensor]) -> None:
    if [node.shape for node in made[1:]] != [tuple(part.shape) for part in like[1:]]:
        raise Untranslated("the step changes the shapes of its state")


def _run(cell: Cell[Any], watched: Watched, row: Any) -> Any:
    try:
        with torch.enable_grad(), watched:
            return cell.step(watched.x, row)
    except Untranslated:
        raise
    except Exception as error:  # a step may do anything; what it is told here is why it runs in the loop
        message = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        where = line_in(reversed([frame for frame, _ in traceback.walk_tb(error.__traceback__)]))
        raise Untranslated(f"the step could not be traced ({message})", where) from error

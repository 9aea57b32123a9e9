"""Constructors as people write and call them: sizes by name, and annotations that only type checkers read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import pytest
import torch
from torch import nn

from recurra import Cell, InvalidOption

if TYPE_CHECKING:
    from torch import Tensor


class Base(Cell):
    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size)

    def step(self, x, h):
        h = torch.tanh(self.W(x) + h)
        return h, h


class Scaled(Base):
    def __init__(self, input_size: int, scale: Tensor | None = None, *, hidden_size: int = 4) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.scale = nn.Linear(input_size, hidden_size), scale


class Plain(Base):
    def __init__(self, input_size, hidden_size=4):
        super().__init__(input_size, hidden_size)
        self.W = nn.Linear(input_size, hidden_size)


def test_an_argument_that_is_no_option_may_have_any_annotation():
    assert Scaled(3).options == {"hidden_size": 4}


def test_arguments_before_the_star_may_be_given_by_name():
    cell = Scaled(input_size=3, scale=torch.ones(1), hidden_size=5)
    assert (cell.input_size, cell.output_size, cell.options) == (3, 5, {"hidden_size": 5})
    assert cell.scale.item() == 1
    for plain in (Plain(3, hidden_size=5), Plain(input_size=3, hidden_size=5), Plain(3, 5)):
        assert (plain.input_size, plain.output_size, plain.options) == (3, 5, {})


def test_an_argument_given_twice_is_no_option():
    with pytest.raises(InvalidOption, match="Scaled: unknown option 'input_size'"):
        Scaled(3, input_size=3)


def test_an_option_whose_annotation_does_not_exist_at_run_time():
    Size = Annotated[int, "units"]  # annotations see the names of the module alone

    class Local(Base):
        def __init__(self, input_size: int, *, hidden_size: Size = 4) -> None:
            super().__init__(input_size, hidden_size)

    with pytest.raises(InvalidOption) as caught:
        Local(3)
    assert str(caught.value) == (
        "Local: the annotation of hidden_size: name 'Size' is not defined; expected names defined at the top "
        "level of the module and outside `if TYPE_CHECKING`"
    )


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_torch_jit_traces_a_cell_and_refuses_to_script_it():
    net = nn.Sequential()
    net.add_module("cell", Scaled(3))
    x, other = torch.randn(2, 2, 5, 3)
    traced = torch.jit.trace(net, (x,))
    torch.testing.assert_close(traced(other)[0], net(other)[0])
    with pytest.raises(
        TypeError, match=r"Scaled: torch\.jit\.script cannot compile recurrent layers; use torch\.jit\.trace"
    ):
        torch.jit.script(net)

"""A sequence cut into segments that are computed twice is the same sequence, in less memory."""

import pytest
import torch

from recurra import InvalidOption, checkpointing, sequence
from recurra.plugins.registry import load


def gradients(every, lengths=None, steps=23):
    torch.manual_seed(0)
    cell = load("cell", "lstm")(3, hidden_size=5).double()
    x = torch.randn(4, steps, 3, dtype=torch.float64, requires_grad=True)
    with checkpointing(every):
        y, state = cell(x, lengths=lengths)
    total = (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum() + state.c.sum()
    return [y, *state, *torch.autograd.grad(total, [x, *cell.parameters()])]


@pytest.mark.parametrize("level", sequence.levels())
@pytest.mark.parametrize("every", ["sqrt", 1, 7, 23, 100])
@pytest.mark.parametrize("lengths", [None, torch.tensor([23, 0, 9, 1])])
def test_segments_change_nothing(every, lengths, level):
    with sequence.using(level):
        for got, want in zip(gradients(every, lengths), gradients(None, lengths), strict=True):
            torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


def kept_for_backward(every, steps):
    kept = 0

    def keep(tensor):
        nonlocal kept
        kept += tensor.numel()
        return tensor

    cell = load("cell", "lstm")(1, hidden_size=8)
    x = torch.randn(1, steps, 1)
    with (
        checkpointing(every),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        cell(x)
    return kept - x.numel()


def test_what_is_kept_grows_with_the_root_of_the_steps():
    assert kept_for_backward("sqrt", 1600) < 3 * kept_for_backward("sqrt", 400)
    assert kept_for_backward(None, 1600) > 3.5 * kept_for_backward(None, 400)


@pytest.mark.parametrize("every", [0, -3, "cube"])
def test_what_is_no_number_of_steps_is_refused(every):
    with (
        pytest.raises(InvalidOption, match="positive number of steps or 'sqrt'"),
        checkpointing(every),
    ):
        pass


@pytest.mark.parametrize("level", ["scan", "native"])
def test_a_checkpoint_of_torch_may_surround_the_first_call(level):
    torch.manual_seed(0)
    cell, x = load("cell", "lstm")(3, hidden_size=5), torch.randn(2, 7, 3, requires_grad=True)
    with sequence.using(level):
        y = torch.utils.checkpoint.checkpoint(lambda x: cell(x)[0], x, use_reentrant=False)
        y.sum().backward()
    again = x.detach().clone().requires_grad_()
    with sequence.using("loop"):
        cell(again)[0].sum().backward()
    torch.testing.assert_close(x.grad, again.grad)

"""A generator that is given to a call: what is drawn comes from it, and torch's own stays where it was."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from recurra.errors import InvalidInput
from recurra_contract import Identity, ToyCell
from recurra_wrappers import RecurrentDropout, Stacked, Zoneout

X = torch.randn(3, 6, 2, generator=torch.Generator().manual_seed(0))


def seeded(number):
    return torch.Generator().manual_seed(number)


def drawing():
    torch.manual_seed(0)
    return Stacked([RecurrentDropout(ToyCell(2), inputs=0.5), Zoneout(ToyCell(4), p=0.5)]).train()


def test_it_decides_what_the_masks_and_the_steps_draw():
    cell = drawing()
    torch.manual_seed(1)
    first, _ = cell(X, rng=seeded(7))
    torch.manual_seed(2)
    again, _ = cell(X, rng=seeded(7))
    other, _ = cell(X, rng=seeded(8))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_it_draws_what_the_default_one_would():
    cell = drawing()
    torch.manual_seed(7)
    assert torch.equal(cell(X)[0], cell(X, rng=seeded(7))[0])


def test_it_moves_and_the_default_one_does_not():
    cell, rng = drawing(), seeded(7)
    before = torch.get_rng_state()
    first, _ = cell(X, rng=rng)
    second, _ = cell(X, rng=rng)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(first, second)


def test_the_default_one_is_back_after_an_error():
    class Failing(Identity):
        def step(self, x, state):
            torch.rand(3)
            raise ArithmeticError

    before = torch.get_rng_state()
    with pytest.raises(ArithmeticError):
        Failing(2)(X, rng=seeded(7))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_packed_sequence_draws_from_it_too():
    cell = drawing()
    packed = pack_padded_sequence(X, torch.tensor([6, 6, 6]), batch_first=True)
    assert torch.equal(cell(packed, rng=seeded(7))[0].data, cell(packed, rng=seeded(7))[0].data)


def test_what_is_no_generator_is_refused():
    with pytest.raises(InvalidInput, match=r"^Stacked: rng must be a torch.Generator, got int$"):
        drawing()(X, rng=7)


def test_a_device_without_such_a_generator_is_refused():
    cell = drawing().to("meta")
    with pytest.raises(InvalidInput, match=r"^Stacked: rng supports CPU and CUDA, but x is on meta; seed"):
        cell(X.to("meta"), rng=seeded(7))


@pytest.mark.gpu
def test_a_generator_of_a_gpu_decides_there():
    cell, x = drawing().cuda(), X.cuda()
    before = torch.cuda.get_rng_state()
    first, again = (cell(x, rng=torch.Generator("cuda").manual_seed(7))[0] for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.cuda.get_rng_state(), before)
    with pytest.raises(InvalidInput, match=r"^Stacked: rng is on cpu but x is on cuda:0; create it with"):
        cell(x, rng=seeded(7))

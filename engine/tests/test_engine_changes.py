"""What is changed after the first call is noticed: no call runs what an earlier one read."""

import copy
import gc
import io
import pickle
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from engine_cells import Lstm, ResetAfter, made
from engine_compare import assert_alike, assert_level_is_loop, assert_runs, drawn, level_of, results
from engine_toys import Toy
from torch import nn

from recurra import sequence
from recurra_engine import dispatch


@dataclass
class Options:
    scale: float = 1.0


class Changing(Toy):
    """A step that reads attributes of every sort."""

    def __init__(self, input_size: int = 3, *, hidden_size: int = 5) -> None:
        super().__init__(input_size, hidden_size=hidden_size)
        self.number, self._hidden, self.tensor = 1.0, 1.0, torch.ones(())
        self.several, self.named, self.pair = [1.0, 1.0], {"scale": 1.0}, (1.0, (1.0, 1.0))
        self.nested, self.space, self.data = {"deep": [1.0]}, SimpleNamespace(scale=1.0), Options()
        self.function, self.layer, self.leaky = torch.tanh, nn.Tanh(), nn.LeakyReLU(0.1)
        self.register_buffer("mask", torch.ones(hidden_size))

    def step(self, x, h):
        scale = self.number * self._hidden * self.tensor * self.several[1] * self.named["scale"]
        scale = scale * self.pair[1][0] * self.nested["deep"][0] * self.space.scale * self.data.scale
        h = self.function(self.x(x) * scale) + self.layer(self.h(h) * self.mask) + self.leaky(h)
        return (h if self.training else -h), h


def set_to(path, value):
    """Return a change that sets what `path` names, such as `data.scale`."""
    *owners, name = path.split(".")

    def change(cell):
        for owner in owners:
            cell = getattr(cell, owner)
        setattr(cell, name, value)

    return change


def again(cell):
    """Register a parameter once more, which puts it behind the others of its shape."""
    bias = cell.x.bias
    del cell.x.bias
    cell.register_parameter("late", nn.Parameter(torch.zeros(5).double()))
    cell.x.bias = bias


CHANGES = {
    "a number": set_to("number", 2.0),
    "a private number": set_to("_hidden", 2.0),
    "a tensor": set_to("tensor", torch.tensor(2.0)),
    "a tensor in place": lambda cell: cell.tensor.fill_(2.0),
    "a list": set_to("several", [1.0, 2.0]),
    "a list in place": lambda cell: cell.several.__setitem__(1, 2.0),
    "a dictionary in place": lambda cell: cell.named.update(scale=2.0),
    "a tuple": set_to("pair", (1.0, (2.0, 1.0))),
    "a list within a dictionary": lambda cell: cell.nested["deep"].insert(0, 2.0),
    "a member of an object": set_to("space.scale", 2.0),
    "a member of a dataclass": set_to("data.scale", 2.0),
    "a function": set_to("function", torch.sin),
    "a layer by one that looks the same": set_to("layer", nn.Sigmoid()),
    "an option of a layer": set_to("leaky.negative_slope", 0.7),
    "the mode": lambda cell: cell.eval(),
    "a buffer": set_to("mask", torch.full((5,), 0.5, dtype=torch.float64)),
    "a buffer in place": lambda cell: cell.mask.mul_(0.5),
    "a parameter": set_to("x.weight", nn.Parameter(torch.ones(5, 3).double())),
    "a parameter in place": lambda cell: cell.h.weight.data.mul_(0.5),
    "parameters tied": lambda cell: setattr(cell.h, "bias", cell.x.bias),
    "layers exchanged": lambda cell: cell.__dict__["_modules"].update(layer=cell.leaky, leaky=cell.layer),
    "parameters in another order": again,
    "the step itself": set_to("step", lambda x, h: (x[:, :1] + h, 0.5 * h)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_noticed(what):
    cell = made(Changing)
    x, state = drawn(cell)
    before = results(cell, x, state, level="scan")
    CHANGES[what](cell)
    assert_runs(cell, x, state, "scan")
    assert_level_is_loop(cell, x, state, level="scan")
    if what != "parameters in another order":
        assert not torch.equal(results(cell, x, state)["y"], before["y"])


@pytest.mark.parametrize("name, of", [("tensor", torch.tensor), ("function", lambda v: lambda a: a * v)])  # noqa: PT006
def test_something_new_at_an_old_address_is_no_old_friend(name, of):
    cell = made(Changing)
    x, state = drawn(cell)
    for value in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0):
        setattr(cell, name, None)
        setattr(cell, name, of(value))
        assert_level_is_loop(cell, x, state, level="scan")


def test_a_change_back_needs_no_new_trace():
    cell = made(Changing)
    x, state = drawn(cell)
    first = level_of(cell, x, state, "scan").compiled
    cell.number = 2.0
    assert level_of(cell, x, state, "scan").compiled is not first
    cell.number = 1.0
    assert level_of(cell, x, state, "scan").compiled is first


def test_many_changes_are_not_all_kept():
    cell = made(Changing)
    x, state = drawn(cell, 2, 2)
    for value in range(40):
        cell.number = float(value)
        assert_level_is_loop(cell, x, state, level="scan")
    assert len(dispatch._choices[cell]) <= dispatch.MOST_KINDS


def test_a_cell_that_is_gone_leaves_nothing():
    cell = made(Changing)
    cell.function, cell.several = cell.leaky.forward, [cell.layer]
    cell.layer.forward = lambda a, cell=cell: torch.tanh(a)
    cell.several.append(1.0)
    gc.collect()
    before = len(dispatch._choices)
    results(cell, *drawn(cell), level="scan")
    assert len(dispatch._choices) == before + 1
    del cell
    gc.collect()
    assert len(dispatch._choices) <= before


@pytest.mark.parametrize("level", ["scan", "native"])
def test_frozen_and_thawed_in_any_order(level):
    cell = made(Lstm)
    x, state = drawn(cell)
    for frozen in (["W.weight"], ["U.weight", "U.bias"], [], list(dict(cell.named_parameters()))):
        for name, parameter in cell.named_parameters():
            parameter.requires_grad_(name not in frozen)
        got = results(cell, x, state, level=level)
        assert_alike(got, results(cell, x, state))
        assert not any(f"gradient of {name}" in got for name in frozen)


@pytest.mark.parametrize("level", ["scan", "native"])
def test_weights_of_another_are_loaded(level):
    cell, other = made(Lstm), made(Lstm, seed=1)
    x, state = drawn(cell)
    results(cell, x, state, level=level)
    cell.load_state_dict(other.state_dict())
    got = results(cell, x, state, level=level)
    assert_alike(got, results(other, x, state))
    fresh = {k: v.clone() for k, v in made(Lstm, seed=2).state_dict().items()}
    cell.load_state_dict(fresh, assign=True)
    assert_level_is_loop(cell, x, state, level=level)


@pytest.mark.parametrize("level", ["scan", "native"])
def test_an_optimiser_moves_what_runs(level):
    cell = made(Lstm)
    x, _ = drawn(cell)
    found = {}
    for name in ("loop", level):
        twin, losses = copy.deepcopy(cell), []
        optimiser = torch.optim.Adam(twin.parameters(), 0.1)
        for _ in range(5):
            with sequence.using(name):
                loss = twin(x.detach())[0].square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
        found[name] = torch.stack(losses)
    torch.testing.assert_close(found[level], found["loop"], rtol=1e-12, atol=0)
    assert found["loop"][-1] < found["loop"][0]


def by_pickle(cell):
    return pickle.loads(pickle.dumps(cell))


def by_torch(cell):
    buffer = io.BytesIO()
    torch.save(cell, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, by_pickle, by_torch])
def test_a_copy_of_a_cell_that_has_run(copied):
    cell = made(ResetAfter)
    x, state = drawn(cell)
    want = results(cell, x, state, level="native")
    twin = copied(cell)
    assert_alike(results(twin, x, state, level="native"), want, 0)
    if copied is not copy.copy:
        twin.U.weight.data.mul_(2)
        assert_level_is_loop(twin, x, state)
        assert_alike(results(cell, x, state, level="native"), want, 0)


def test_another_precision_and_back():
    cell = made(Lstm)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5), (torch.float64, 1e-12)):
        cell.to(dtype)
        x, state = drawn(cell)
        assert x.dtype == dtype
        assert_runs(cell, x, state, "native")
        assert_level_is_loop(cell, x, state, tolerance=tolerance)

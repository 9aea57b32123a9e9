"""Functions and parts that are replaced after the first call: the new ones run, compiled or in the loop."""

import functools
import types

import pytest
import torch
from engine_cells import made
from engine_compare import assert_follows, drawn, level_of, outputs, results
from engine_toys import Toy
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize

from recurra_engine import dispatch


def squash(h):
    return torch.tanh(h)


def relu(*arguments):
    return torch.relu(arguments[-1])


def row_sums(*arguments):
    return arguments[-1].sum(-1, keepdim=True)


def decorated(function):
    @functools.wraps(function)
    def outer(*arguments):
        return function(*arguments)

    return outer


class Squash:
    def __call__(self, h):
        return torch.tanh(h)

    def method(self, h):
        return torch.tanh(h)


class Acting(Toy):
    """A step whose last function is applied in a way of its subclass's."""

    method = staticmethod(decorated(squash))

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.name, self.f, self.several = "tanh", torch.tanh, [nn.Tanh()]
        self.callable = Squash()
        self.bound = self.callable.method

    def of_base(self, h):
        return torch.tanh(h)

    @staticmethod
    def static(h):
        return torch.tanh(h)

    @classmethod
    def of_class(cls, h):
        return torch.tanh(h)

    @property
    def found(self):
        return torch.tanh

    def step(self, x, h):
        h = self.act(self.x(x) + self.h(h))
        return h, h


def other_step(self, x, h):
    return h, self.x(x)


class Halves(nn.Module):
    def forward(self, weight):
        return weight / 2


FUNCTIONS, MODULE = {"tanh": torch.tanh}, types.ModuleType("recurra_test_functions")
MODULE.squash = squash
IN_MODULE = {
    "a global function": (lambda self, h: squash(h), (globals(), "squash")),
    "an entry": (lambda self, h: FUNCTIONS["tanh"](h), (FUNCTIONS, "tanh")),
}
ON_OBJECTS = {
    "a function of a module": (lambda self, h: MODULE.squash(h), MODULE, "squash"),
    "a function of torch": (lambda self, h: torch.tanh(h), torch, "tanh"),
    "a function of a package": (lambda self, h: functional.tanh(h), functional, "tanh"),
    "a method of a base": (lambda self, h: self.of_base(h), Acting, "of_base"),
    "a method by super": (lambda self, h: super(type(self), self).of_base(h), Acting, "of_base"),
    "a static method": (lambda self, h: self.static(h), Acting, "static"),
    "a class method": (lambda self, h: self.of_class(h), Acting, "of_class"),
    "a property": (lambda self, h: self.found(h), Acting, "found"),
    "a decorated method": (lambda self, h: self.method(h), Acting, "method"),
    "an object that is called": (lambda self, h: self.callable(h), Squash, "__call__"),
    "the forward of a kind of layer": (lambda self, h: self.several[0](h), nn.Tanh, "forward"),
    "the call of a kind of layer": (lambda self, h: self.several[0](h), nn.Tanh, "__call__"),
}
OF_CELLS = {
    "an attribute": (lambda self, h: self.f(h), lambda cell: setattr(cell, "f", torch.relu)),
    "a name of a function": (
        lambda s, h: getattr(torch, s.name)(h),
        lambda cell: setattr(cell, "name", "relu"),
    ),
    "a bound method": (lambda self, h: self.bound(h), lambda cell: setattr(cell, "bound", relu)),
    "a method of its class": (lambda self, h: torch.tanh(h), lambda cell: setattr(type(cell), "act", relu)),
    "an override": (lambda self, h: self.of_base(h), lambda cell: setattr(type(cell), "of_base", relu)),
    "its own method": (lambda self, h: self.of_base(h), lambda cell: setattr(cell, "of_base", relu)),
    "its own step": (
        lambda self, h: torch.tanh(h),
        lambda cell: setattr(cell, "step", types.MethodType(other_step, cell)),
    ),
    "the step of its class": (
        lambda self, h: torch.tanh(h),
        lambda cell: setattr(type(cell), "step", other_step),
    ),
    "its class": (lambda self, h: torch.tanh(h), lambda cell: setattr(cell, "__class__", of(relu))),
    "its mode": (lambda self, h: torch.tanh(h) if self.training else torch.relu(h), lambda cell: cell.eval()),
    "a part": (lambda self, h: torch.tanh(h), lambda cell: setattr(cell, "x", nn.Linear(3, 5).double())),
    "the weight of a part": (
        lambda self, h: torch.tanh(h),
        lambda cell: setattr(cell.x, "weight", nn.Parameter(cell.x.weight.detach() / 2)),
    ),
    "a parametrised weight": (
        lambda self, h: torch.tanh(h),
        lambda cell: parametrize.register_parametrization(cell.x, "weight", Halves()),
    ),
    "the forward of a part": (lambda self, h: torch.tanh(h), lambda c: setattr(c.x, "forward", row_sums)),
    "a layer in a list": (lambda s, h: s.several[0](h), lambda c: c.several.__setitem__(0, nn.ReLU())),
    "one more layer in a list": (
        lambda self, h: functools.reduce(lambda h, layer: layer(h), self.several, h),
        lambda cell: cell.several.append(nn.ReLU()),
    ),
}


def constant(value):
    return property(lambda cell: value)


def of(act):
    return type("OneWay", (Acting,), {"act": act})


@pytest.mark.parametrize("way", IN_MODULE)
def test_a_function_by_a_key(way, monkeypatch):
    act, place = IN_MODULE[way]
    assert_follows(made(of(act)), lambda cell: monkeypatch.setitem(*place, relu))


@pytest.mark.parametrize("way", ON_OBJECTS)
def test_a_function_of_an_object(way, monkeypatch):
    act, owner, name = ON_OBJECTS[way]
    wrap = {"static": staticmethod, "method": staticmethod, "of_class": classmethod, "found": constant}
    value = wrap.get(name, lambda function: function)(relu)
    assert_follows(made(of(act)), lambda cell: monkeypatch.setattr(owner, name, value))


@pytest.mark.parametrize("way", OF_CELLS)
def test_what_a_cell_is_made_of(way):
    act, change = OF_CELLS[way]
    assert_follows(made(of(act)), change)


def test_the_code_of_a_function(monkeypatch):
    cell = made(of(lambda self, h: self.method(h)))
    assert_follows(cell, lambda cell: monkeypatch.setattr(squash, "__code__", relu.__code__))


def plain():
    return made(of(lambda self, h: torch.tanh(h)))


HOOKS = {
    "forward": lambda cell: cell.x.register_forward_hook(lambda layer, given, y: y / 2),
    "forward, before": lambda cell: cell.x.register_forward_pre_hook(lambda layer, given: given[0] / 2),
    "of all modules": lambda cell: nn.modules.module.register_module_forward_hook(
        lambda layer, given, y: y / 2 if isinstance(layer, nn.Tanh) else None
    ),
    "of a list's layer": lambda cell: cell.several[0].register_forward_hook(lambda layer, given, y: y / 2),
}


@pytest.mark.parametrize("way", HOOKS)
def test_a_hook_that_is_added_and_removed(way):
    cell = made(of(lambda self, h: self.several[0](h)))
    handle = []
    try:
        assert_follows(cell, lambda cell: handle.append(HOOKS[way](cell)), reason="hooks")
    finally:
        handle[0].remove()
    assert_follows(cell, lambda cell: None, differs=False)


@pytest.mark.parametrize("how", ["register_full_backward_hook", "register_full_backward_pre_hook"])
def test_a_hook_on_gradients(how):
    cell, calls = plain(), []
    x, state = drawn(cell, 2, 4)
    results(cell, x, state, level="native")
    getattr(cell.x, how)(lambda *_: calls.append(1))
    results(cell, x, state, level="native")
    assert len(calls) == 4
    assert "x has hooks" in level_of(cell, x, state, "native").why_not["native"]


def test_hooks_of_the_cell_itself_need_no_loop():
    cell, calls = plain(), []
    cell.register_forward_hook(lambda *_: calls.append(1))
    x, state = drawn(cell, 2, 4)
    outputs(cell, x, state, "native")
    assert len(calls) == 1
    with torch.no_grad():
        assert level_of(cell, x, state, "native").level == "native"


def test_what_changes_at_every_call_ends_in_the_loop():
    cell = made(of(lambda self, h: torch.tanh(h) * self.several[0]))
    x, state = drawn(cell, 2, 4)
    for value in range(12):
        cell.several[0] = float(value)
        want, got = (outputs(cell, x, state, level) for level in ("loop", "scan"))
        torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
    with torch.no_grad():
        choice = level_of(cell, x, state, "scan")
    assert "self.several[0], which changes every few calls" in choice.why_not["scan"]


def test_what_changes_now_and_then_is_traced_anew():
    cell = made(of(lambda self, h: torch.tanh(h) * self.several[0]))
    x, state = drawn(cell, 2, 4)
    for value in range(12):
        cell.several[0] = float(value)
        for _ in range(10):
            outputs(cell, x, state, "scan")
        with torch.no_grad():
            assert level_of(cell, x, state, "scan").level == "scan"
    assert max(map(len, dispatch._choices[cell].values())) == dispatch.MOST_CHANGES


class Filling(Toy):
    """Makes a tensor of torch's default dtype."""

    def step(self, x, h):
        h = torch.tanh(self.x(x) + self.h(h))
        return h * torch.full((5,), 0.1), h


def test_another_default_dtype():
    cell = made(Filling, dtype=torch.float32)
    x, state = drawn(cell, 2, 4)
    assert outputs(cell, x, state, "native").dtype == torch.float32
    try:
        torch.set_default_dtype(torch.float64)
        assert outputs(cell, x, state, "native").dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)

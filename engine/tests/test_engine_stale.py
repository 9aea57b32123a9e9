"""Values that a step reads besides its tensors: after a change the new one is used, or the loop runs."""

import argparse
import collections
import contextvars
import dataclasses
import enum
import functools
import math
import os
import sys
import types
import weakref

import numpy as np
import pytest
import torch
from engine_cells import made
from engine_compare import assert_follows
from engine_toys import Toy

SCALE, BOX, MODULE = 1.5, {"scale": 1.5, "deep": [{"scale": 1.5}]}, types.ModuleType("recurra_test_scales")
VARIABLE = contextvars.ContextVar("scale", default=1.5)
MODULE.scale = 1.5
sys.modules[MODULE.__name__] = MODULE
LONG, ENDLESS = [1.5] * 1000, [1.5] * 2000


class Reading(Toy):
    """A step that reads a number in a way of its subclass's."""

    SCALE = 1.5

    def step(self, x, h):
        h = torch.tanh(self.scale() * (self.x(x) + self.h(h)))
        return h, h


class Holder:
    """An object with attributes of all sorts."""

    level = 1.5

    def __init__(self, scale=1.5):
        self.scale = scale

    @property
    def doubled(self):
        return 2 * self.scale

    def __call__(self):
        return self.scale


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    scale: float = 1.5


class Slots:
    __slots__ = ("scale",)

    def __init__(self):
        self.scale = 1.5


class Fallback:
    """Looks up what it has not."""

    def __init__(self):
        self.entries = {"scale": 1.5}

    def __getattr__(self, name):
        return self.entries[name]


class Sort(enum.Enum):
    LOW = 0.5
    HIGH = 1.5


def closure():
    scale = 1.5

    def read(self):
        return scale

    def change(cell):
        nonlocal scale
        scale = 0.5

    return read, change


def tried(self):
    try:
        return self.late
    except AttributeError:
        return 1.5


def matched(self):
    match self.holder:
        case Holder(scale=scale):
            return scale


def function():
    return None


function.scale = 1.5


def defaulted(self, scale=1.5):
    return scale


def keyworded(self, *, scale=1.5):
    return scale


def put(path, value=0.5):
    """Return a change that sets what a dotted path from the cell names."""
    *owners, name = path.split(".")
    return lambda cell: setattr(functools.reduce(getattr, owners, cell), name, value)


def entered(path, key, value=0.5):
    """Return a change of one entry of what a dotted path from the cell names."""
    return lambda cell: functools.reduce(getattr, path.split("."), cell).__setitem__(key, value)


def of_class(name, value=0.5):
    return lambda cell: setattr(type(cell), name, value)


read_closure, change_closure = closure()
WAYS = {
    "a global": (lambda self: SCALE, {}, lambda cell: globals().update(SCALE=0.5)),
    "an entry of a global": (lambda self: BOX["scale"], {}, lambda cell: BOX.update(scale=0.5)),
    "a deep entry": (lambda self: BOX["deep"][0]["scale"], {}, lambda cell: BOX["deep"][0].update(scale=0.5)),
    "a global of a module": (lambda self: MODULE.scale, {}, lambda cell: setattr(MODULE, "scale", 0.5)),
    "a name that hides a builtin": (
        lambda self: abs(-1.5),
        {},
        lambda cell: globals().update(abs=lambda _: 0.5),
    ),
    "an attribute": (lambda self: self.s, {"s": 1.5}, put("s")),
    "a type": (lambda self: 1.5 if self.s is True else 0.5, {"s": True}, put("s", 1)),
    "the sign of zero": (lambda self: math.copysign(1.5, self.s), {"s": 0.0}, put("s", -0.0)),
    "a class attribute": (lambda self: self.SCALE, {}, of_class("SCALE")),
    "a base's attribute": (lambda self: self.SCALE, {}, lambda cell: setattr(Reading, "SCALE", 0.5)),
    "a class attribute by its class": (lambda self: type(self).SCALE, {}, of_class("SCALE")),
    "super": (lambda self: super(type(self), self).SCALE, {}, lambda cell: setattr(Reading, "SCALE", 0.5)),
    "an attribute that hides the class's": (lambda self: self.SCALE, {}, put("SCALE")),
    "an attribute that is deleted": (lambda self: self.SCALE, {"SCALE": 0.5}, lambda c: delattr(c, "SCALE")),
    "a namespace": (lambda self: self.args.scale, {"args": argparse.Namespace(scale=1.5)}, put("args.scale")),
    "a simple namespace": (
        lambda s: s.args.scale,
        {"args": types.SimpleNamespace(scale=1.5)},
        put("args.scale"),
    ),
    "an object": (lambda self: self.holder.scale, {"holder": Holder()}, put("holder.scale")),
    "another object": (lambda self: self.holder.scale, {"holder": Holder()}, put("holder", Holder(0.5))),
    "an object's class": (
        lambda s: s.holder.level,
        {"holder": Holder()},
        lambda c: setattr(Holder, "level", 0.5),
    ),
    "an object in an object": (
        lambda self: self.holder.scale.scale,
        {"holder": Holder(Holder())},
        put("holder.scale.scale"),
    ),
    "an object that is called": (lambda self: self.holder(), {"holder": Holder()}, put("holder.scale")),
    "a property": (lambda self: self.holder.doubled / 2, {"holder": Holder()}, put("holder.scale")),
    "an object with slots": (lambda self: self.holder.scale, {"holder": Slots()}, put("holder.scale")),
    "a frozen dataclass": (lambda self: self.holder.scale, {"holder": Frozen()}, put("holder", Frozen(0.5))),
    "an attribute of a fallback": (
        lambda self: self.holder.scale,
        {"holder": Fallback()},
        entered("holder.entries", "scale"),
    ),
    "a pattern": (matched, {"holder": Holder()}, put("holder.scale")),
    "an object behind a reference": (
        lambda self: self.reference().scale,
        {"kept": (holder := Holder()), "reference": weakref.ref(holder)},
        put("kept.scale"),
    ),
    "a member of an enumeration": (lambda self: self.sort.value, {"sort": Sort.HIGH}, put("sort", Sort.LOW)),
    "a dictionary": (lambda self: self.table["s"], {"table": {"s": 1.5}}, entered("table", "s")),
    "a key": (lambda self: 0.5 if 0 in self.table else 1.5, {"table": {}}, entered("table", 0)),
    "an ordered dictionary": (
        lambda self: next(iter(self.table.values())),
        {"table": collections.OrderedDict(a=1.5, b=0.5)},
        lambda cell: cell.table.move_to_end("a"),
    ),
    "a list": (lambda self: self.table[1], {"table": [1.5, 1.5]}, entered("table", 1)),
    "a longer list": (lambda self: self.table[-1], {"table": [1.5]}, lambda cell: cell.table.append(0.5)),
    "an entry of a long list": (lambda self: LONG[700], {}, lambda cell: LONG.__setitem__(700, 0.5)),
    "a tuple": (lambda self: self.table[0][1], {"table": ((1, 1.5),)}, put("table", ((1, 0.5),))),
    "a deque": (lambda self: self.table[0], {"table": collections.deque([1.5])}, entered("table", 0)),
    "a set": (lambda self: 1.5 / len(self.table), {"table": {1}}, lambda cell: cell.table.update({2, 3})),
    "an array": (lambda self: self.table[2].item(), {"table": np.full(4, 1.5)}, entered("table", 2)),
    "an array as a tensor": (
        lambda self: torch.from_numpy(self.table),
        {"table": np.full(5, 1.5)},
        entered("table", 2),
    ),
    "a scalar of an array": (lambda self: float(self.s), {"s": np.float64(1.5)}, put("s", np.float64(0.5))),
    "a closure": (read_closure, {}, change_closure),
    "a default": (defaulted, {}, lambda cell: setattr(defaulted, "__defaults__", (0.5,))),
    "a default of a keyword": (keyworded, {}, lambda cell: keyworded.__kwdefaults__.update(scale=0.5)),
    "an attribute of a function": (
        *(lambda self: function.scale, {}),
        lambda cell: setattr(function, "scale", 0.5),
    ),
    "a partial function": (
        lambda self: self.part(),
        {"part": functools.partial(max, 1.5, 0.0)},
        put("part", functools.partial(max, 0.5, 0.0)),
    ),
    "keywords of a partial function": (
        lambda self: self.part(),
        {"part": functools.partial(dict, scale=1.5)},
        lambda cell: cell.part.keywords.update(scale=0.5),
    ),
    "a name that is a value": (lambda s: getattr(s, s.name + "s"), {"name": "a", "as": 1.5}, put("as")),
    "an attribute that comes later": (lambda self: getattr(self, "late", 1.5), {}, put("late")),
    "one that is tried": (tried, {}, put("late")),
    "one that is asked for": (lambda self: 0.5 if hasattr(self, "late") else 1.5, {}, put("late")),
    "all attributes": (lambda self: vars(self).get("late", 1.5), {}, put("late")),
}
WAYS["keywords of a partial function"] = (
    lambda self: self.part()["scale"],
    *WAYS["keywords of a partial function"][1:],
)


def cell_of(read, attributes):
    """Return a cell of a class of its own that reads its number in this way."""
    cell = made(type("OneWay", (Reading,), {"scale": read}))
    vars(cell).update(attributes)
    return cell


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    """Put back what the ways change outside their cells."""
    for owner, name in ((Reading, "SCALE"), (Holder, "level"), (MODULE, "scale")):
        monkeypatch.setattr(owner, name, 1.5)
    monkeypatch.setitem(globals(), "SCALE", 1.5)
    yield
    globals().pop("abs", None)


@pytest.mark.parametrize("way", WAYS)
def test_a_number_that_changes(way):
    read, attributes, change = WAYS[way]
    assert_follows(cell_of(read, attributes), change)


LOOP = {
    "a list too long to compare": (
        lambda self: ENDLESS[3],
        lambda: ENDLESS.__setitem__(3, 0.5),
        "2000 elements",
    ),
    "a large array": (
        lambda self: self.table[3].item(),
        lambda: TABLE.__setitem__(3, 0.5),
        "self.table, of type ndarray with 5000 elements",
    ),
    "the environment": (
        lambda s: float(os.environ["SCALE"]),
        lambda: os.environ.update(SCALE="0.5"),
        "environ",
    ),
    "a variable of a context": (
        lambda self: VARIABLE.get(),
        lambda: VARIABLE.set(0.5),
        "calls _contextvars.get",
    ),
    "an iterator": (lambda self: next(self.endless), lambda: None, "self.endless, of type repeat"),
}
TABLE = np.full(5000, 1.5)


@pytest.mark.parametrize("way", LOOP)
def test_what_cannot_be_compared_runs_in_the_loop(way, monkeypatch):
    import itertools

    for name in ("SCALE", *(f"SCALE_{i}" for i in range(1100))):
        monkeypatch.setenv(name, "1.5")
    read, change, reason = LOOP[way]
    cell = cell_of(read, {"table": TABLE, "endless": itertools.repeat(1.5)})
    assert_follows(cell, lambda cell: change(), reason=reason, differs=way != "an iterator")

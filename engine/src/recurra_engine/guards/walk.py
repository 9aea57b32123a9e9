"""From the code that a step ran to a guard on all that this code may have read.

A walk starts at the cell. Of an object it looks at those attributes that any code of the step names, of a
function at the globals that its own code names, of a collection at everything. It finds at least what was
read; where it cannot say so, or could not notice a change, it notes an obstacle.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from recurra.state import map_state
from recurra_engine.guards import comparisons, objects, parts
from recurra_engine.guards.comparisons import MAPPINGS, SEQUENCES, Comparison, is_scalar
from recurra_engine.guards.parts import WRAPPERS, Part
from recurra_engine.guards.program import Guard, Read
from recurra_engine.guards.whole import as_a_whole, numbers
from recurra_engine.guards.witness import CALLS_OF_MODULES, DYNAMIC, Witness, names_of

MOST = 4000
"""Reads of a guard; each takes a tenth of a microsecond at every call."""
IMPLICIT = frozenset({"step", "forward", "__call__", "__init__", "__new__"})
"""Attributes that are looked up without being named."""
DESCRIPTIVE = frozenset(("__doc__", "__module__", "__name__", "__qualname__"))
HARMLESS = ("abc", "contextlib", "enum", "typing")
"""Modules of Python's library whose own globals and attributes no step depends on."""
NAMESPACE = type(torch._C._VariableFunctions)
"""Holds torch's functions of C, which do not change, and nothing else."""


def walked(cell: nn.Module, weights: Sequence[Tensor], witness: Witness, held: Sequence[Tensor]) -> Walk:
    """Return a walk that knows all names of attributes, also those that are values; see `Walk`."""
    words = frozenset[str]()
    while True:
        walk = Walk(cell, weights, witness, held, words)
        if not walk.dynamic or walk.words <= words:
            return walk
        words |= walk.words


class Walk:
    """All that the code which a witness saw may have read, from a cell on.

    Args:
        cell: The cell.
        weights: Its parameters and buffers, which a trace takes as inputs by name.
        witness: What ran.
        held: Tensors whose numbers a trace holds, rather than having them as inputs.
        words: Names of attributes besides those that the code spells out.

    Attributes:
        registers: Where an object is found, by its id.
        obstacles: Why a trace must not stand in for the step.
        words: Strings that may be names of attributes.
    """

    def __init__(
        self,
        cell: nn.Module,
        weights: Sequence[Tensor],
        witness: Witness,
        held: Sequence[Tensor],
        words: Iterable[str],
    ) -> None:
        self.witness, self.tree = witness, {id(module) for module in cell.modules()}
        self.held, self.own = set(map(id, held)), witness.own_code
        self.ran = CALLS_OF_MODULES | witness.codes.keys()
        read = {code for code, module in witness.codes.items() if module not in HARMLESS}
        called = {code.co_name for code in self.own & read}  # also by Python, such as __getitem__
        names = IMPLICIT.union(words, called, *(names_of(code).attributes for code in read))
        self.names = sorted(names - DESCRIPTIVE)
        dynamic = [code for code in self.own & read if self._is_dynamic(code)]
        self.dynamic = bool(dynamic)
        self.obstacles: list[str] = []
        self.reads: list[Read] = []
        self.same: list[tuple[int, int]] = []
        self.given = [cell, *weights]
        self.registers = {id(value): i for i, value in enumerate(self.given)}
        self.alive: list[Any] = []
        self.known_globals: set[tuple[int, str]] = set()
        self.followed: set[CodeType] = set()
        self.words = {text for code in dynamic for text in texts(code.co_consts)}
        self._look_into(cell, 0, "self")
        self._look_at_modules_of_the_library()

    def _is_dynamic(self, code: CodeType) -> bool:
        """Say whether code reads attributes whose names are values; states have none of those."""
        names = names_of(code)
        found = DYNAMIC & (names.attributes | names.globals | names.others)
        return bool(found) and self.witness.codes[code] != map_state.__module__

    @property
    def guard(self) -> Guard:
        """What has to stay as it is."""
        return Guard(tuple(self.reads), tuple(self.same))

    def see(self, source: int, part: Part) -> None:
        """Note that a part of what is in a register is read, with all that is read of it in turn."""
        get, value, label = part
        if len(self.reads) > MOST:
            raise RecursionError("it reads too many objects")
        register = len(self.given) + len(self.reads)
        self.reads.append(Read(source, get, None, label))
        if is_scalar(value):
            self.words |= {value} if type(value) is str else set()
            self._compare(comparisons.comparison(value))
            return
        known = self.registers.setdefault(id(value), register)
        if known != register:
            self.same.append((register, known))
            return
        self.alive.append(value)  # an id names an object while it lives
        whole = numbers(value) if id(value) in self.held else as_a_whole(value)
        self._compare(whole.holds if whole else comparisons.comparison(value))
        if whole is None:
            self._look_into(value, register, label)
        elif whole.obstacle:
            self._refuse(label, whole.obstacle)

    def _compare(self, holds: Comparison) -> None:
        self.reads[-1] = self.reads[-1]._replace(holds=holds)

    def _refuse(self, label: str, why: str) -> None:
        self.obstacles.append(f"the step reads {label}, {why}")

    def _look_into(self, value: Any, register: int, label: str) -> None:
        for part in self._parts(value, label):
            self.see(register, part)

    def _parts(self, value: Any, label: str) -> Iterator[Part]:
        if isinstance(value, Tensor):
            yield from self._of_dictionary(value, label)
        elif isinstance(value, type):
            yield from objects.of_class(value, self.names, self.ran)
        elif isinstance(value, FunctionType):
            yield from self._of_dictionary(value, label)
            yield from self._of_function(value)
        elif type(value) in WRAPPERS:
            yield from parts.of_wrapper(value, label)
        elif isinstance(value, BuiltinFunctionType):
            yield from parts.of_builtin(value, label)
        elif isinstance(value, weakref.ref):
            yield from parts.of_reference(value, label)
        elif isinstance(value, ModuleType):
            yield from parts.of_module(value, label, self.names)
        else:
            yield from self._of_object(value, label)

    def _of_function(self, value: FunctionType) -> Iterator[Part]:
        if value.__code__ not in self.own:
            return
        self.followed.update(parts.nested(value.__code__))
        yield from parts.of_function(value)
        if value.__module__ in HARMLESS:
            return
        for part in parts.globals_of(value):
            key = id(value.__globals__), part.label
            if key not in self.known_globals:
                self.known_globals.add(key)
                yield part

    def _of_dictionary(self, value: Any, label: str) -> Iterator[Part]:
        return (
            Part(objects.attribute(name), vars(value)[name], f"{label}.{name}")
            for name in self.names
            if name in vars(value)
        )

    def _of_object(self, value: Any, label: str) -> Iterator[Part]:
        kind = type(value)
        holds_members = isinstance(value, (*SEQUENCES, *MAPPINGS))
        if isinstance(value, SEQUENCES):
            yield from parts.of_sequence(value, label)
        elif isinstance(value, MAPPINGS):
            yield from parts.of_mapping(value, label)
        elif not objects.is_python(kind) and not isinstance(value, (SimpleNamespace, NAMESPACE)):
            self._refuse(label, f"of type {kind.__name__}, whose changes cannot be noticed")
            return
        if not holds_members or kind.__flags__ & objects.HEAP_TYPE:
            names = self.names
            if self.dynamic and hasattr(value, "__dict__"):
                names = sorted({*names, *objects.own_names(value)})
                yield Part(objects.all_names, objects.all_names(value), label)
            yield from objects.of_object(value, label, names, self.ran)
        if isinstance(value, nn.Module):
            yield from self._of_module(value, label)

    def _of_module(self, value: nn.Module, label: str) -> Iterator[Part]:
        if id(value) in self.witness.modules:
            hooked = objects.is_hooked(value)
            yield Part(objects.is_hooked, hooked, label)
            if hooked:
                self.obstacles.append(f"{label} has hooks, which must be called at every step")
        for part in objects.of_tables(value, label, self.names, everything=self.dynamic):
            if not (isinstance(part.value, Tensor) and self._is_input_by_name(value, part.value)):
                yield part

    def _is_input_by_name(self, module: nn.Module, tensor: Tensor) -> bool:
        known = self.registers.get(id(tensor), len(self.given)) < len(self.given)
        return known and id(module) in self.tree and not vars(tensor).keys() & set(self.names)

    def _look_at_modules_of_the_library(self) -> None:
        """Follow code of Python's library that was called in other ways than by a name, such as by `with`."""
        while left := [code for code in self.own if code not in self.followed]:
            for code in left:
                self.followed.update(parts.nested(code))
                self._follow(code, self.witness.codes[code])

    def _follow(self, code: CodeType, module: str) -> None:
        if module in HARMLESS:
            return
        if module.partition(".")[0] not in sys.stdlib_module_names or module not in sys.modules:
            self.obstacles.append(f"the step calls {code.co_qualname}, which is found under no name")
            return
        for name in sorted(names_of(code).globals):
            space = vars(sys.modules[module])
            if name in space:
                self.see(0, Part(_of_library(module, name), space[name], f"{module}.{name}"))


def _of_library(module: str, name: str) -> Callable[[Any], Any]:
    return lambda _: vars(sys.modules[module])[name]


def texts(constants: Iterable[Any]) -> Iterator[str]:
    """Return the strings among the constants of a code object."""
    for constant in constants:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, (tuple, frozenset)):
            yield from texts(constant)

"""Which Python code a step runs, and what of it no guard can follow."""

from __future__ import annotations

import dis
import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import torch
from torch import nn

OWN, TORCH = (f"{Path(file).parents[up]}/" for file, up in ((__file__, 1), (torch.__file__, 0)))
FINDS_PARTS = nn.Module.__getattr__.__code__
CALLS_OF_MODULES = {nn.Module._wrapped_call_impl.__code__, nn.Module._call_impl.__code__, FINDS_PARTS}
"""How torch finds a module's `forward` and its parts; a walk knows that by itself."""
GRADIENTS = {torch.autograd.Function.apply.__func__.__code__}  # type: ignore[attr-defined]
_PURE = """
    abc builtins cmath collections contextlib copy enum functools itertools math numpy operator re string
    torch types typing weakref _abc _bisect _collections _functools _heapq _operator _sre _struct _weakref
"""
PURE = frozenset(_PURE.split())
"""Packages whose functions of C depend on their arguments alone."""
_IMPURE = """
    __import__ breakpoint compile eval exec globals id input locals open print
    is_grad_enabled is_inference_mode_enabled initial_seed
"""
IMPURE = frozenset(_IMPURE.split())
"""Functions of these packages that do not, or that do something."""
_DYNAMIC = """
    AttributeError MATCH_CLASS __dict__ __getattribute__ attrgetter delattr dir getattr hasattr setattr vars
"""
DYNAMIC = frozenset(_DYNAMIC.split())
"""Words of a code that reads attributes whose names are values."""
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "STORE_ATTR", "DELETE_ATTR")
_GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")


@dataclass(frozen=True)
class Names:
    """The names in a code object.

    Args:
        attributes: What it reads, or sets, of objects.
        globals: What it reads, or sets, of its module.
        others: Instructions that say how it reads.
    """

    attributes: frozenset[str]
    globals: frozenset[str]
    others: frozenset[str]


@lru_cache(1024)
def names_of(code: CodeType) -> Names:
    """Return the names in a code object, but not in the functions that it makes."""
    found = [(instruction.opname, instruction.argval) for instruction in dis.get_instructions(code)]
    return Names(
        frozenset(name for op, name in found if op in _ATTRIBUTES),
        frozenset(name for op, name in found if op in _GLOBALS),
        frozenset(op for op, _ in found if op in ("MATCH_CLASS", "IMPORT_NAME")),
    )


@dataclass
class Witness:
    """Notes what runs in this thread while it is active; what the engine's own code calls is left out.

    Attributes:
        codes: What ran, and the name of its module.
        modules: The ids of the modules that were called.
        obstacles: Why a trace must not stand in for the step.
    """

    codes: dict[CodeType, str] = field(default_factory=dict)
    modules: set[int] = field(default_factory=set)
    obstacles: list[str] = field(default_factory=list)
    _own: FrameType | None = None

    def __enter__(self) -> Witness:
        self._restore = _pause_profiler(), gc.isenabled()
        gc.disable()  # finalisers of other objects would seem to be called by the step
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        resume, collects = self._restore
        resume()
        if collects:
            gc.enable()

    def _see(self, frame: FrameType, event: str, arg: Any) -> None:
        if self._own is not None:
            if event == "return" and frame is self._own:
                self._own = None
        elif event == "call":
            self._called(frame)
        elif event == "c_call" and not frame.f_code.co_filename.startswith((OWN, TORCH)):
            self._check(arg)

    def _called(self, frame: FrameType) -> None:
        code = frame.f_code
        if code.co_filename.startswith(OWN):
            self._own = frame
        elif code in CALLS_OF_MODULES:
            if code is not FINDS_PARTS:
                self.modules.add(id(frame.f_locals["self"]))
        else:
            if code in GRADIENTS:
                self.obstacles.append(
                    "the step uses a torch.autograd.Function, whose gradient no trace shows"
                )
            if "IMPORT_NAME" in names_of(code).others and not code.co_filename.startswith(TORCH):
                self.obstacles.append("the step imports a module; import it at the top of the file")
            self.codes.setdefault(code, frame.f_globals.get("__name__", ""))

    def _check(self, function: Any) -> None:
        package, name = _package(function), function.__name__
        if package.partition(".")[0] not in PURE or package.startswith("numpy.random") or name in IMPURE:
            where = "" if package == "builtins" else f"{package}."
            self.obstacles.append(f"the step calls {where}{name}, which a trace would call once and for all")

    @property
    def own_code(self) -> set[CodeType]:
        """What ran of the cell's, and not of torch's."""
        return {code for code in self.codes if not code.co_filename.startswith(TORCH)}


def _package(function: Any) -> str:
    """Return the module of a function of C, or that of the type whose method it is."""
    owner = getattr(function, "__self__", None)
    if owner is None or isinstance(owner, ModuleType):
        return str(function.__module__ or getattr(owner, "__name__", "builtins"))
    kind = owner if isinstance(owner, type) else type(owner)
    return next((base for base in kind.__mro__ if function.__name__ in vars(base)), kind).__module__


def _pause_profiler() -> Callable[[], None]:
    """Stop another profiler and return what starts it again."""
    profiler = sys.getprofile()
    sys.setprofile(None)
    resume = getattr(profiler, "enable", None)  # that of cProfile, which is no function
    return resume or (lambda: sys.setprofile(profiler))

"""recurra: recurrent and memory-augmented networks. Write a cell's step; the rest is done for you.

Names are imported on first use, so that `import recurra` in a plugin's entry point costs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recurra.cell import Cell as Cell
    from recurra.cell import Sequencer as Sequencer
    from recurra.cell import Tags as Tags
    from recurra.errors import RecurraError as RecurraError
    from recurra.hooks import Component as Component
    from recurra.hooks import hookimpl as hookimpl
    from recurra.learning import LearningModule as LearningModule
    from recurra.memory import Memory as Memory
    from recurra.memory import WithMemory as WithMemory
    from recurra.memory import WithMemoryState as WithMemoryState
    from recurra.model import Model as Model
    from recurra.options import Ref as Ref
    from recurra.state import NoState as NoState
    from recurra.task import Batch as Batch
    from recurra.task import Goal as Goal
    from recurra.task import Score as Score
    from recurra.task import Task as Task
    from recurra.trainer import Trainer as Trainer
    from recurra.wrappers import Bidirectional as Bidirectional
    from recurra.wrappers import Stacked as Stacked

__version__ = "0.1.0"

_HOMES = {
    "cell": ("Cell", "Sequencer", "Tags"),
    "errors": ("RecurraError",),
    "hooks": ("Component", "hookimpl"),
    "learning": ("LearningModule",),
    "memory": ("Memory", "WithMemory", "WithMemoryState"),
    "model": ("Model",),
    "options": ("Ref",),
    "state": ("NoState",),
    "task": ("Batch", "Goal", "Score", "Task"),
    "trainer": ("Trainer",),
    "wrappers": ("Bidirectional", "Stacked"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'recurra' has no attribute '{name}'")
    return getattr(import_module(f"recurra.{_HOME_OF[name]}"), name)

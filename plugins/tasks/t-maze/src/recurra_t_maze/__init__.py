"""The tasks of the Evolving NTM as a recurra plugin; read by every command, it imports nothing heavy."""

from collections.abc import Iterable

from recurra import Component, hookimpl

PAPER = "Greve, Jacobsen and Risi 2016"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the tasks."""
    tasks = {
        "t-maze": ("maze:TMaze", "find the arm with the high reward, and find it again after it moves"),
        "double-t-maze": ("maze:DoubleTMaze", "a maze of four arms, one with the high reward, which moves"),
        "entm-copy": (
            "copying:ENTMCopy",
            "output the vectors shown before, scored by the fitness of the paper",
        ),
    }
    return [
        Component("task", name, f"recurra_t_maze.{target}", summary, PAPER)
        for name, (target, summary) in tasks.items()
    ]

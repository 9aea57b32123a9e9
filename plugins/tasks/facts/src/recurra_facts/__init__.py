"""Facts as a recurra plugin; every command reads this module, so it imports nothing heavy."""

from collections.abc import Iterable

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the task."""
    summary = "complete facts that were presented before, such as whom John loves"
    return [
        Component("task", "facts", "recurra_facts.facts_task:Facts", summary, "Smolensky 1990; Wilson 1991")
    ]

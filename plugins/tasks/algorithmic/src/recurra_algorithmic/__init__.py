"""The algorithmic tasks of the Neural Turing Machine paper as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

PAPER = "Graves, Wayne and Danihelka 2014"
TASKS = {
    "copy": ("copy_task:Copy", "repeat a sequence of random bit vectors after it has ended"),
    "repeat-copy": ("repeat_copy_task:RepeatCopy", "repeat random bit vectors as often as is said"),
    "associative-recall": (
        "associative_recall_task:AssociativeRecall",
        "tell which item came after the one that is shown again",
    ),
    "dynamic-ngrams": (
        "dynamic_ngrams_task:DynamicNgrams",
        "learn the statistics of a new source of bits while it is read",
    ),
    "priority-sort": (
        "priority_sort_task:PrioritySort",
        "put out the vectors with the highest priorities, in order",
    ),
}


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the tasks."""
    return [
        Component("task", name, f"recurra_algorithmic.{target}", summary, PAPER, default=name == "copy")
        for name, (target, summary) in TASKS.items()
    ]

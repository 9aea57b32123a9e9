"""The algorithmic tasks of the Neural Turing Machine paper as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

PAPER = "Graves, Wayne and Danihelka 2014"
TASKS = {
    "copy": ("copy_task:Copy", "repeat a sequence of random bit vectors after it ends"),
    "repeat-copy": (
        "repeat_copy_task:RepeatCopy",
        "repeat a sequence of random bit vectors a given number of times",
    ),
    "associative-recall": (
        "associative_recall_task:AssociativeRecall",
        "recall the item that followed a queried one",
    ),
    "dynamic-ngrams": (
        "dynamic_ngrams_task:DynamicNgrams",
        "learn the statistics of a new bit source while reading it",
    ),
    "priority-sort": (
        "priority_sort_task:PrioritySort",
        "output the vectors with the highest priorities, in order",
    ),
}


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the tasks."""
    return [
        Component("task", name, f"recurra_algorithmic.{target}", summary, PAPER, default=name == "copy")
        for name, (target, summary) in TASKS.items()
    ]

"""Formal languages as a recurra plugin; every command reads this module, so it imports nothing heavy."""

from collections.abc import Iterable
from pathlib import Path

from recurra import Component, hookimpl

HERE = "recurra_formal_languages"
GERS_2001 = "Gers and Schmidhuber 2001"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the tasks."""
    return [
        Component(
            "task",
            "continual-reber",
            f"{HERE}.reber:ContinualReber",
            "predict an endless stream of embedded Reber strings, without resets",
            "Gers, Schmidhuber and Cummins 2000",
        ),
        Component("task", "anbn", f"{HERE}.counting:AnBn", "predict the words a^n b^n", GERS_2001),
        Component(
            "task", "anbmbman", f"{HERE}.counting:AnBmBmAn", "predict the words a^n b^m B^m A^n", GERS_2001
        ),
        Component("task", "anbncn", f"{HERE}.counting:AnBnCn", "predict the words a^n b^n c^n", GERS_2001),
        Component(
            "task",
            "tomita",
            f"{HERE}.tomita:Tomita",
            "classify whether a bit string is in one of seven regular languages",
            "Tomita 1982",
        ),
        Component(
            "task",
            "parity",
            f"{HERE}.parity:Parity",
            "classify whether a long sequence contains an odd number of ones",
            "Schmidhuber and Hochreiter 1996",
        ),
        Component(
            "task",
            "dyck",
            f"{HERE}.dyck:Dyck",
            "predict which brackets may come next, up to a maximum depth",
            "Hewitt et al. 2020",
        ),
        Component(
            "task",
            "chomsky",
            f"{HERE}.chomsky:Chomsky",
            "fifteen transductions along the Chomsky hierarchy, evaluated on longer strings",
            "Deletang et al. 2023",
        ),
        Component(
            "task",
            "word-problem",
            f"{HERE}.word_problem:WordProblem",
            "multiply elements of a finite group, such as S5: the test of state tracking",
            "Merrill, Petty and Sabharwal 2024",
        ),
    ]


@hookimpl
def recurra_experiments() -> Iterable[Path]:
    """Return the experiments that come with the plugin."""
    return sorted((Path(__file__).parent / "experiments").glob("*/*.toml"))

"""Tasks on trees as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

SENTIMENT, LISTS, SCENES = "Socher et al. 2013", "Nangia and Bowman 2018", "Socher et al. 2011"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the tasks."""
    sst = "classify the sentiment of a sentence and of every phrase in its parse tree"
    listops = "evaluate nested lists of MIN, MAX, MED and SUM_MOD"
    boolean = "evaluate formulas of and, or, xor over true and false"
    arithmetic = "evaluate formulas of + - * modulo 5"
    scenes = "classify the segments of synthetic scenes from their features and neighbours"
    return [
        Component("task", "sst", "recurra_trees.sst_task:SST", sst, SENTIMENT),
        Component("task", "listops", "recurra_trees.listops_task:ListOps", listops, LISTS),
        Component("task", "boolean-trees", "recurra_trees.formula_tasks:BooleanTrees", boolean),
        Component("task", "arithmetic-trees", "recurra_trees.formula_tasks:ArithmeticTrees", arithmetic),
        Component("task", "scenes", "recurra_trees.scenes_task:Scenes", scenes, SCENES),
    ]

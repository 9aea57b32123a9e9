"""Every installed rule with every installed cell: it teaches it, or refuses it with a sentence."""

import itertools

import pytest
import torch

from recurra import IncompatibleParts, Ref
from recurra.plugins.registry import components, load
from recurra_contract.harness import SEED, changed, fit, seeded, task_of, weights
from recurra_contract.kit import maker
from recurra_lab import make_model

BATCHES = 2
FEW = {"evolution": {"population": 4}}
"""Options with which a rule has little to do."""
TREES = {"scoring": True}
"""Options of cells that find trees, where a rule wants that."""


def names(kind):
    return [offer.component.name for offer in components(kind)]


def task_for(rule, cell):
    """Return the rule's own task, or trees for what reads trees."""
    if load("cell", cell).tags.input_kind == "trees" and rule.contract_task() is None:
        return load("task", "boolean-trees")(form="binary")
    return task_of(lambda: rule)


def finds_trees(task, cell):
    return task.input_kind == "graphs" and hasattr(load("cell", cell), "parse")


@pytest.mark.parametrize(("trainer", "cell"), list(itertools.product(names("trainer"), names("cell"))))
def test_a_rule_teaches_a_cell_or_refuses_it(trainer, cell):
    make = maker("trainer", load("trainer", trainer), FEW.get(trainer))
    try:
        task = task_for(make(), cell)
        options = {**load("cell", cell).contract_options, **(TREES if finds_trees(task, cell) else {})}
        with seeded():
            model = make_model(task, Ref("cell", cell, **options))
        module = make().module(model, task, SEED)
    except IncompatibleParts as refused:
        pytest.skip(str(refused))
    before = weights(module)
    fit(make, module, BATCHES)
    assert changed(before, weights(module))
    assert all(torch.isfinite(weight).all() for weight in weights(module).values())

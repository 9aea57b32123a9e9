"""A rule teaches a cell, or refuses it; the slow tests try every installed rule with every installed cell."""

import pytest
import torch

from recurra import IncompatibleParts, Ref
from recurra.plugins.registry import components, load
from recurra_contract import examples_of
from recurra_contract.harness import SEED, changed, fit, seeded, task_of, weights
from recurra_contract.kit import maker
from recurra_lab import make_model
from selection import accepted

BATCHES = 2
FEW = {"evolution": {"population": 4}}
"""Options with which a rule has little to do."""
TREES = {"scoring": True}
"""Options of cells that find trees, where a rule wants that."""


def names(kind):
    return [offer.component.name for offer in components(kind)]


def task_for(rule, cell):
    """Return the rule's own task, or trees for what reads trees."""
    if load("cell", cell).tags.input_kind == "trees" and examples_of(rule).task is None:
        return load("task", "boolean-trees")(form="binary")
    return task_of(lambda: rule)


def finds_trees(task, cell):
    return task.input_kind == "graphs" and hasattr(load("cell", cell), "parse")


def making(trainer):
    return maker("trainer", load("trainer", trainer), FEW.get(trainer))


def built(trainer, cell):
    """Return the module in which a rule teaches a cell; raises `IncompatibleParts` where it refuses to."""
    rule = making(trainer)()
    task = task_for(rule, cell)
    options = {**load("cell", cell).contract_options, **(TREES if finds_trees(task, cell) else {})}
    with seeded():
        model = make_model(task, Ref("cell", cell, **options))
    return rule.lightning_module(model, task, SEED)


def check(trainer, module):
    before = weights(module)
    fit(making(trainer), module, BATCHES)
    assert changed(before, weights(module))
    assert all(torch.isfinite(weight).all() for weight in weights(module).values())


@pytest.mark.parametrize("trainer", names("trainer"))
def test_a_rule_teaches_a_cell(trainer):
    for _, module in accepted([(trainer, cell) for cell in names("cell")], built, 1):
        check(trainer, module)


@pytest.mark.parametrize("cell", names("cell"))
def test_a_cell_is_taught_by_a_rule(cell):
    for (trainer, _), module in accepted([(trainer, cell) for trainer in names("trainer")], built, 1):
        check(trainer, module)


@pytest.mark.slow
@pytest.mark.parametrize("cell", names("cell"))
@pytest.mark.parametrize("trainer", names("trainer"))
def test_every_rule_teaches_every_cell_or_refuses_it(trainer, cell):
    try:
        module = built(trainer, cell)
    except IncompatibleParts as refused:
        pytest.skip(str(refused))
    check(trainer, module)

"""The tasks of formal languages keep the contract of tasks; so do their variants."""

import pytest

from recurra_contract import contract
from recurra_contract import tasks as checks
from recurra_formal_languages.chomsky import PROBLEMS, Chomsky
from recurra_formal_languages.tomita import Tomita

NAMES = (
    "continual-reber",
    "anbn",
    "anbmbman",
    "anbncn",
    "tomita",
    "parity",
    "dyck",
    "chomsky",
    "word-problem",
)
OF_DATA = (
    checks.check_mask_lies_within_lengths,
    checks.check_batch_has_declared_shapes,
    checks.check_oracle_meets_the_goal,
    checks.check_scores_add,
    checks.check_batch_is_a_function_of_its_number,
)


@contract("task", NAMES[0])
def test_continual_reber(check):
    check()


@contract("task", NAMES[1])
def test_anbn(check):
    check()


@contract("task", NAMES[2])
def test_anbmbman(check):
    check()


@contract("task", NAMES[3])
def test_anbncn(check):
    check()


@contract("task", NAMES[4])
def test_tomita(check):
    check()


@contract("task", NAMES[5])
def test_parity(check):
    check()


@contract("task", NAMES[6])
def test_dyck(check):
    check()


@contract("task", NAMES[7])
def test_chomsky(check):
    check()


@contract("task", NAMES[8], {"cyclic": {"group": "Z7", "length": 10, "longest": 20}})
def test_word_problem(check):
    check()


@pytest.mark.parametrize("check", OF_DATA, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_of_chomsky(name, check):
    check(lambda: Chomsky(task=name))


@pytest.mark.parametrize("check", OF_DATA, ids=lambda check: check.__name__)
@pytest.mark.parametrize("grammar", range(1, 8))
@pytest.mark.parametrize("every_step", [False, True])
def test_every_language_of_tomita(grammar, every_step, check):
    check(lambda: Tomita(grammar=grammar, every_step=every_step))

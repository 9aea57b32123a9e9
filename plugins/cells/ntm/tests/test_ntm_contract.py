"""The cell, its memory and its controller hold their contracts."""

from recurra import Ref
from recurra_contract import contract

LEARNED = {"initial_memory": "learned", "initial_weighting": "learned", "max_shift": 2}
MEMORY = Ref("memory", "ntm", slots=6, width=3, **LEARNED)


@contract("cell", "ntm")
def test_the_cell(check):
    check()


@contract("memory", "ntm")
def test_the_memory(check):
    check()


@contract("cell", "feed-forward")
def test_the_controller(check):
    check()


@contract("cell", "ntm", {"learned start": {"memory": MEMORY}})
def test_the_cell_in_another_form(check):
    check()

"""The cell, its memory and its controller hold their contracts."""

from recurra.testing import contract


@contract("cell", "ntm")
def test_the_cell(check):
    check()


@contract("memory", "ntm")
def test_the_memory(check):
    check()


@contract("cell", "feed-forward")
def test_the_controller(check):
    check()

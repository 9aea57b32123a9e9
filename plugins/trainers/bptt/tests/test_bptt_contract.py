"""Back-propagation through time keeps the contract of trainers."""

from recurra.testing import contract


@contract("trainer", "bptt")
def test_contract(check):
    check()

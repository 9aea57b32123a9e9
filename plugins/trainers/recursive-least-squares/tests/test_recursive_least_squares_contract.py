"""Both rules keep the contract of trainers."""

from recurra_contract import contract


@contract("trainer", "rls")
def test_rls(check):
    check()


@contract("trainer", "rls", {"forgetting": {"forgetting": 0.99, "washout": 1, "penalty": 0.1}})
def test_rls_in_other_forms(check):
    check()


@contract("trainer", "force")
def test_force(check):
    check()

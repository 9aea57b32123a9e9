"""Real-time recurrent learning keeps the contract of trainers, exact, estimated and truncated."""

from recurra_contract import contract


@contract("trainer", "rtrl")
def test_contract(check):
    check()


@contract(
    "trainer", "rtrl", {"rank one": {"gradient": "uoro"}, "batches": {"update": "batch", "clip_norm": 0.1}}
)
def test_contract_in_other_forms(check):
    check()


@contract("trainer", "truncated-rtrl", {"momentum": {"momentum": 0.5, "update": "step"}})
def test_contract_of_the_truncated_rule(check):
    check()

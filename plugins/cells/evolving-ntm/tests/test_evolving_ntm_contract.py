"""The memory holds its contract, alone and driven by a controller, in each of its forms."""

from recurra_contract import contract

FORMS = {
    "finite": {"tape": "finite", "capacity": 4, "min_similarity": 0.5},
    "finite-original": {"tape": "finite-original", "capacity": 3, "expand_threshold": 0.9},
    "overwrite": {"write": "overwrite", "jump_threshold": 0.4, "expand_threshold": 0.7, "capacity": 4001},
    "identity": {"activation": "identity"},
}
TIED = "two cells that are almost equally similar to v tie in bfloat16, and the head jumps to the other"


@contract("memory", "evolving-ntm")
def test_contract(check):
    check()


@contract("memory", "evolving-ntm", FORMS, {"overwrite": {"check_precision": TIED}})
def test_contract_in_other_forms(check):
    check()

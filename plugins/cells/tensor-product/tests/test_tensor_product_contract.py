"""The memory holds its contract, alone and driven by a controller, in each of its forms."""

from recurra_contract import contract

FORMS = {
    "rank 2": {"sizes": (4, 3), "retrieved": "last"},
    "rank 4": {"sizes": (2, 3, 2, 2), "retrieved": "last"},
    "softmax": {"sizes": (3, 4, 5), "retrieved": "last", "vectors": "softmax"},
}


@contract("memory", "tensor-product")
def test_contract(check):
    check()


@contract("memory", "tensor-product", FORMS)
def test_contract_in_other_forms(check):
    check()

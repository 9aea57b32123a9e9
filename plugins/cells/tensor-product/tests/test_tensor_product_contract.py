"""The memory holds its contract, alone and driven by a controller, in each of its forms."""

import pytest

from recurra.testing import Contract, Skip, contract
from recurra_tensor_product.memory import TensorProductMemory


@contract("memory", "tensor-product")
def test_contract(check):
    check()


FORMS = [{"sizes": (4, 3)}, {"sizes": (2, 3, 2, 2)}, {"sizes": (3, 4, 5), "vectors": "softmax"}]


def checks():
    for number, options in enumerate(FORMS, 1):
        form = Contract("memory", lambda options=options: TensorProductMemory(**options))
        for check in form.checks():
            yield pytest.param(check, id=f"{number}-{check.name}")


@pytest.mark.parametrize("check", list(checks()))
def test_contract_in_other_forms(check):
    try:
        check()
    except Skip as skip:
        pytest.skip(str(skip))

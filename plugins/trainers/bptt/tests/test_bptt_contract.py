"""Back-propagation through time keeps the contract of trainers, in windows and with noise too."""

from recurra_bptt.averaging import Exponential
from recurra_contract import contract


@contract("trainer", "bptt")
def test_contract(check):
    check()


@contract(
    "trainer",
    "bptt",
    {
        "windows": {"k1": 2, "k2": 4},
        "noise and averages": {
            "weight_noise": 0.01,
            "gradient_noise": 0.01,
            "averaging": Exponential(decay=0.9),
        },
    },
)
def test_contract_in_other_forms(check):
    check()

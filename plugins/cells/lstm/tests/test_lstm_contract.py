"""The cell holds its contract, in each of its forms."""

import pytest

from recurra.testing import Contract, contract
from recurra_lstm.cell import LSTM


@contract("cell", "lstm")
def test_contract(check):
    check()


OTHER = Contract("cell", lambda input_size=3: LSTM(input_size, hidden_size=5))


@pytest.mark.parametrize("check", list(OTHER.checks()), ids=lambda check: check.name)
def test_contract_without_peepholes(check):
    check()

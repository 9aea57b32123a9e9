"""The cells hold their contracts in each of their forms, and all of them are compiled."""

import shutil

import pytest

from recurra_contract import contract
from recurra_engine import ENGINE
from recurra_gated_linear.hgrn import HGRN
from recurra_gated_linear.ind_rnn import IndRNN
from recurra_gated_linear.minimal import MinGRU, MinLSTM
from recurra_gated_linear.qrnn import QRNN
from recurra_gated_linear.sru import SRU

VANILLA = {"vanilla": {"form": "vanilla"}}
POOLING = {"f, no window": {"pooling": "f", "window": 1}, "ifo": {"pooling": "ifo", "window": 3}}
SRU_FORMS = {
    "v1": {"version": "v1", "activation": "tanh"},
    "no projection": {"hidden_size": 3},
    "no highway": {"highway": False},
}
REAL = {"real": {"rotation": False, "learned_bound": False}}
BOUNDED = {"bounded": {"steps": 5, "activation": "tanh"}}


@contract("cell", "min-gru")
def test_contract_of_min_gru(check):
    check()


@contract("cell", "min-gru", VANILLA)
def test_contract_of_min_gru_in_the_other_form(check):
    check()


@contract("cell", "min-lstm")
def test_contract_of_min_lstm(check):
    check()


@contract("cell", "min-lstm", VANILLA)
def test_contract_of_min_lstm_in_the_other_form(check):
    check()


@contract("cell", "qrnn")
def test_contract_of_qrnn(check):
    check()


@contract("cell", "qrnn", POOLING)
def test_contract_of_qrnn_in_other_forms(check):
    check()


@contract("cell", "sru")
def test_contract_of_sru(check):
    check()


@contract("cell", "sru", SRU_FORMS)
def test_contract_of_sru_in_other_forms(check):
    check()


@contract("cell", "hgrn")
def test_contract_of_hgrn(check):
    check()


@contract("cell", "hgrn", REAL)
def test_contract_of_hgrn_in_the_other_form(check):
    check()


@contract("cell", "ind-rnn")
def test_contract_of_ind_rnn(check):
    check()


@contract("cell", "ind-rnn", BOUNDED)
def test_contract_of_ind_rnn_in_the_other_form(check):
    check()


CELLS = [
    (kind, options)
    for kind, forms in (
        (MinGRU, VANILLA),
        (MinLSTM, VANILLA),
        (QRNN, POOLING),
        (SRU, SRU_FORMS),
        (HGRN, REAL),
        (IndRNN, BOUNDED),
    )
    for options in ({}, *forms.values())
]


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="needs a C compiler")
@pytest.mark.parametrize(("kind", "options"), CELLS)
def test_every_form_is_compiled(kind, options, monkeypatch):
    monkeypatch.delenv("RECURRA_ENGINE", raising=False)
    assert ENGINE.explain(kind(3, **{"hidden_size": 5, **options}))["level"] == "native"

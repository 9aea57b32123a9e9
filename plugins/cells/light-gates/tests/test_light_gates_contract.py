"""The cells hold their contracts in each of their forms, and all of them are compiled."""

import shutil

import pytest

from recurra_contract import contract
from recurra_engine import ENGINE
from recurra_light_gates.antisymmetric import AntisymmetricRNN
from recurra_light_gates.fast_grnn import FastGRNN
from recurra_light_gates.janet import JANET
from recurra_light_gates.li_gru import LiGRU
from recurra_light_gates.mgu import MGU
from recurra_light_gates.minimal_rnn import MinimalRNN
from recurra_light_gates.multiplicative import MultiplicativeLSTM

CHRONO = {"chrono": {"longest": 20.0, "beta": 0.0}}
LOW_RANK = {"low rank": {"rank": 2, "recurrent_rank": 2}, "relu": {"candidate": "relu"}}
WITHOUT_NORM = {"without norm": {"norm": "none", "candidate": "tanh"}}
GATED = {"gated": {"gated": True, "step_size": 0.5}}


@contract("cell", "mgu")
def test_contract_of_mgu(check):
    check()


@contract("cell", "janet")
def test_contract_of_janet(check):
    check()


@contract("cell", "janet", CHRONO)
def test_contract_of_janet_in_other_forms(check):
    check()


@contract("cell", "fast-grnn")
def test_contract_of_fast_grnn(check):
    check()


@contract("cell", "fast-grnn", LOW_RANK)
def test_contract_of_fast_grnn_in_other_forms(check):
    check()


@contract("cell", "minimal-rnn")
def test_contract_of_minimal_rnn(check):
    check()


@contract("cell", "li-gru")
def test_contract_of_li_gru(check):
    check()


@contract("cell", "li-gru", WITHOUT_NORM)
def test_contract_of_li_gru_in_other_forms(check):
    check()


@contract("cell", "antisymmetric")
def test_contract_of_antisymmetric(check):
    check()


@contract("cell", "antisymmetric", GATED)
def test_contract_of_antisymmetric_in_other_forms(check):
    check()


@contract("cell", "multiplicative-lstm")
def test_contract_of_multiplicative_lstm(check):
    check()


CELLS = [
    (kind, options)
    for kind, forms in (
        (MGU, {}),
        (JANET, CHRONO),
        (FastGRNN, LOW_RANK),
        (MinimalRNN, {}),
        (LiGRU, WITHOUT_NORM),
        (AntisymmetricRNN, GATED),
        (MultiplicativeLSTM, {}),
    )
    for options in ({}, *forms.values())
]


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="needs a C compiler")
@pytest.mark.parametrize(("kind", "options"), CELLS)
def test_every_form_is_compiled(kind, options, monkeypatch):
    monkeypatch.delenv("RECURRA_ENGINE", raising=False)
    assert ENGINE.explain(kind(3, hidden_size=5, **options))["level"] == "native"

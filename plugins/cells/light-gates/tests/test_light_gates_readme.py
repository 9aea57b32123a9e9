"""The README names every option with its default, and its code runs."""

from pathlib import Path

import pytest

from readmes import assert_names_every_option, run_code
from recurra_light_gates.antisymmetric import AntisymmetricRNN
from recurra_light_gates.fast_grnn import FastGRNN
from recurra_light_gates.janet import JANET
from recurra_light_gates.li_gru import LiGRU
from recurra_light_gates.mgu import MGU
from recurra_light_gates.minimal_rnn import MinimalRNN
from recurra_light_gates.multiplicative import MultiplicativeLSTM

CELLS = [MGU, JANET, FastGRNN, MinimalRNN, LiGRU, AntisymmetricRNN, MultiplicativeLSTM]
README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


@pytest.mark.parametrize("kind", CELLS)
def test_every_option_is_named(kind):
    assert_names_every_option(README, kind(3))


def test_its_code_runs():
    run_code(README)

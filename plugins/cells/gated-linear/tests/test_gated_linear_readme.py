"""The README names every option with its default, and its code runs."""

from pathlib import Path

import pytest

from readmes import assert_names_every_option, run_code
from recurra_gated_linear.hgrn import HGRN
from recurra_gated_linear.ind_rnn import IndRNN
from recurra_gated_linear.minimal import MinGRU, MinLSTM
from recurra_gated_linear.qrnn import QRNN
from recurra_gated_linear.sru import SRU

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


@pytest.mark.parametrize("kind", [MinGRU, MinLSTM, QRNN, SRU, HGRN, IndRNN])
def test_every_option_is_named(kind):
    assert_names_every_option(README, kind(3))


def test_its_code_runs():
    run_code(README)

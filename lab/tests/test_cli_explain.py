"""`recurra explain`: the level at which a cell runs, and why not a faster one."""

import json

import pytest
from click.testing import CliRunner

from recurra_lab.cli import main


def told(*words):
    return CliRunner().invoke(main, ["explain", *words])


@pytest.fixture(autouse=True)
def best_level(monkeypatch):
    monkeypatch.delenv("RECURRA_ENGINE")


def test_a_cell_of_real_numbers_is_compiled():
    facts = json.loads(told("lstm", "cell.hidden_size=5", "--json").output)
    assert facts["level"] == "native"
    assert facts["loops"]["forward"]["products with weights"] == 2
    assert facts["loops"]["backward"]["products with weights"] == 1
    assert facts["matrices_with_one_product_for_all_steps"] == 2
    assert facts["stored_per_row_and_step"] == 7 * 5  # i, f, g, o, tanh c, and the states h and c


def test_the_page_says_level_and_figures():
    page = told("lstm", "cell.hidden_size=5").output
    assert page.startswith("lstm runs at the level 'native'\n  real-time recurrent learning: compiled\n")
    assert "\n  one step forward: " in page
    assert "stored for the backward pass: 35 numbers per row and step" in page


def test_what_keeps_a_cell_in_the_loop_is_named():
    page = told("history-compressor").output
    assert "runs at the level 'loop'" in page
    assert "not 'native': the state is not entirely torch.float32" in page


def test_a_cell_with_a_run_of_its_own_says_so():
    assert "overrides unroll" in told("tree-lstm").output


def test_the_source_is_c():
    source = told("lstm", "cell.hidden_size=5", "--source").output
    assert source.count("int run(const Call *call, long threads, const long *splits) {") == 2
    assert told("history-compressor", "--source").output.startswith("history-compressor is not compiled")


def test_the_graphs_are_those_of_each_stage():
    page = told("elman", "cell.hidden_size=5", "--graph").output
    for stage in ("step:", "shared:", "forward, loop:", "backward, loop:", "backward, epilogue:"):
        assert f"\n{stage}\n" in f"\n{page}"
    assert page.count("tanh(") == 2  # once as it was traced, once in the forward loop: it is saved
    assert told("history-compressor", "--graph").output.startswith("history-compressor is not compiled")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["lsmt"], "did you mean 'lstm'"),
        (["lstm", "cell.hiden_size=3"], "hidden_size"),
        (["lstm", "task.bits=3"], "is not an option of the cell"),
    ],
)
def test_mistakes_get_a_sentence(words, sentence):
    result = told(*words)
    assert result.exit_code != 0
    assert sentence in result.output

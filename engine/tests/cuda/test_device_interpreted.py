"""Generated kernels, run by Triton's interpreter: the numbers of the level `scan`, without a GPU."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed"),
]
CELLS = ("LSTM", "Peephole", "NormedLSTM", "GRU", "NTM", "Odd")


def interpreted(which):
    """Return what the interpreter finds; it is slow, and cannot be had in a process that compiles."""
    program = Path(__file__).with_name("interpreted.py")
    done = subprocess.run(
        [sys.executable, str(program), which],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TRITON_INTERPRET": "1"},
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def found():
    return interpreted("few")


@pytest.fixture(scope="module")
def rest():
    return interpreted("rest")


def assert_like_scan(found, name):
    mine = {what: apart for what, apart in found["cells"].items() if what.split()[0] == name}
    assert len(mine) == 2
    for what, apart in mine.items():
        assert apart < (1e-12 if "float64" in what else 1e-5), what


@pytest.mark.parametrize("name", CELLS)
def test_outputs_states_and_gradients_are_those_of_scan(found, name):
    assert_like_scan(found, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_they_are_so_in_the_other_modes(rest, name):
    assert_like_scan(rest, name)


@pytest.mark.parametrize("name", ["NormedLSTM", "LSTM", "NTM"])
def test_rows_of_more_than_one_block_are_like_others(found, name):
    assert found["large"][name] < 1e-11


def assert_as_near_as_torch(found, name):
    device, scan = found["halves"][name]
    assert 0 < device < 2 * scan < 0.1


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_bfloat16_is_no_further_from_the_truth_than_torch_is(found, name):
    assert_as_near_as_torch(found, name)


@pytest.mark.slow
def test_so_is_a_memory_in_bfloat16(rest):
    assert_as_near_as_torch(rest, "NTM")


def test_a_graph_gives_what_its_inputs_ask_for_and_overwrites_nothing(found):
    apart, graphs = found["graphs"]
    assert graphs == 2  # of the second run, forward and backward; the third and fourth made none
    assert apart < 1e-12


@pytest.mark.parametrize(("dtype", "most"), [("float32", 2e-7), ("float64", 4e-16)])
def test_functions_are_those_of_torch(found, dtype, most):
    assert len(found["functions"][dtype]) == 11
    assert {call: error for call, error in found["functions"][dtype].items() if error > most} == {}

"""How a loop becomes launches, which graphs are kept, and that the level stays out of the way on a CPU."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from recurra import sequence
from recurra_engine import cuda, dispatch
from recurra_engine.compiled import Compiled, traced
from recurra_engine.cuda import cuda_graphs as graphs_module
from recurra_engine.cuda.buffers import Inputs, Places
from recurra_engine.cuda.cuda_graphs import Graphs
from recurra_engine.cuda.jit import built
from recurra_engine.cuda.program import program

TRITON = {torch.float32: "*fp32", torch.float64: "*fp64", torch.bfloat16: "*bf16"}


def passes(cell, dtype=torch.float32):
    """Return the loops of a cell's forward and backward pass."""
    cell = cell.to(dtype)
    made = traced(cell, torch.zeros(2, 2, cell.input_size, dtype=dtype), cell.initial_state(2))
    sequence = Compiled(made, cuda.BACKEND).sequence
    training = sequence.training(True, [True] * len(made.program.shared))
    return training.forward.loop, training.backward.loop


def launches(cell, *, ragged=False):
    return [program(loop, torch.float32, ragged=ragged).launches for loop in passes(cell)]


def test_a_step_is_as_few_launches_as_its_products_allow(toys):
    # One product of h, and one kernel; backward the other way round.
    assert launches(toys.LSTM(64, 256)) == [2, 2]
    assert launches(toys.Peephole(64, 256)) == [2, 2]
    assert launches(toys.NormedLSTM(64, 256)) == [2, 2]
    # Two products forward; backward the carried gradient is more than a product, and needs a kernel.
    assert launches(toys.GRU(64, 256)) == [4, 5]
    # cuBLAS knows no lengths: what it carries passes through a kernel.
    assert launches(toys.LSTM(64, 256), ragged=True) == [2, 3]


def test_kernels_of_elements_share_rows_out_and_wait_for_nothing(toys):
    for loop in passes(toys.LSTM(64, 2048)):
        kernels = [kernel for kernel, _ in program(loop, torch.float32, ragged=False).steps if kernel]
        assert [kernel.blocks for kernel in kernels] == [2]
        assert "debug_barrier" not in kernels[0].text


def test_a_loop_without_large_products_is_one_launch(toys):
    for loop in passes(toys.LSTM(64, 16)):
        made = program(loop, torch.float32, ragged=False)
        assert made.at_once
        assert "for k in range(first, last)" in made.steps[0][0].text


def test_bfloat16_is_carried_in_float32(toys):
    forward, backward = passes(toys.GRU(64, 256), torch.bfloat16)
    for loop in (forward, backward):
        places = Places(program(loop, torch.bfloat16, ragged=False), (3, 2), torch.device("cpu"))
        assert places.tensors["c0"].dtype == torch.float32
        assert {t.dtype for name, t in places.tensors.items() if name[0] in "oh"} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("name", "dtype", "ragged"),
    [
        ("LSTM", torch.float32, False),
        ("LSTM", torch.bfloat16, True),
        ("NormedLSTM", torch.float64, False),
        pytest.param("NTM", torch.float32, True, marks=pytest.mark.slow),
    ],
)
def test_kernels_compile_for_a_gpu(toys, name, dtype, ragged, tmp_path, monkeypatch):
    triton = pytest.importorskip("triton")
    compiler = pytest.importorskip("triton.backends.compiler")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    for loop in passes(toys.CELLS[name](16, 70), dtype):
        made = program(loop, dtype, ragged=ragged)
        places = Places(made, (2, 2), torch.device("cpu"))
        kinds = {name: TRITON[tensor.dtype] for name, tensor in places.tensors.items()}
        numbers = {"lengths": "*i64", **dict.fromkeys(("first", "last", "steps", "rows"), "i32")}
        for kernel, _ in made.steps:
            if kernel is None:
                continue
            given = {name: kinds.get(name, TRITON[dtype]) for name in kernel.buffers}
            code = triton.compile(
                triton.compiler.ASTSource(built(kernel.text), given | numbers, {}, {}),
                target=compiler.GPUTarget("cuda", 80, 32),
                options={"num_warps": kernel.warps, "enable_fp_fusion": True},
            )
            assert code.asm["cubin"]
            assert code.metadata.shared < 48 * 1024


def counted(monkeypatch, toys, most):
    """Return graphs that are only counted, and a function that runs a size."""
    monkeypatch.setattr(graphs_module, "MOST_GRAPHS", most)
    monkeypatch.setattr(graphs_module, "launch_each", lambda *_: "eager")
    monkeypatch.setattr(graphs_module, "launch", lambda _: None)
    loop, _ = passes(toys.GRU(16, 70))
    made, cpu = program(loop, torch.float32, ragged=False), torch.device("cpu")
    graphs = Graphs(lambda _: SimpleNamespace(replay=lambda: None), lambda _: 10**8)

    def run(steps):
        streams = [torch.zeros(steps, 2, *node.shape) for node in loop.streams]
        shared = [torch.zeros(node.shape) for node in loop.shared]
        given = Inputs(streams, [torch.zeros(2, *node.shape) for node in loop.carried], shared, None)
        return "eager" if graphs.run(made, given, (steps, 2), cpu) == "eager" else "graph"

    return graphs, run


def test_a_size_gets_a_graph_when_it_comes_again(monkeypatch, toys):
    graphs, run = counted(monkeypatch, toys, 8)
    assert [run(3), run(4), run(3), run(3), run(4)] == ["eager", "eager", "graph", "graph", "graph"]
    assert len(graphs.known) == 2


def test_no_more_graphs_are_kept_than_agreed_and_frequent_sizes_win(monkeypatch, toys):
    graphs, run = counted(monkeypatch, toys, 2)
    assert [run(steps) for steps in (1, 1, 2, 2, 2)][-1] == "graph"
    assert [run(5) for _ in range(4)] == ["eager"] * 4  # not yet more than twice as often as size 1
    assert run(5) == "graph"
    assert len(graphs.known) == 2
    assert [run(2), run(1)] == ["graph", "eager"]


def test_sizes_that_need_too_much_run_without_a_graph(monkeypatch, toys):
    graphs, run = counted(monkeypatch, toys, 8)
    graphs.room = lambda _: 1000
    assert [run(3) for _ in range(3)] == ["eager"] * 3
    graphs.room = lambda _: 10**8
    monkeypatch.setattr(graphs_module, "MOST_LAUNCHES", 11)
    assert [run(3) for _ in range(3)] == ["eager"] * 3  # 3 steps of 4 launches


def test_what_cannot_be_captured_is_tried_once_and_runs_without(monkeypatch, toys):
    graphs, run = counted(monkeypatch, toys, 8)
    tried = []

    def refusing(launches):
        tried.append(launches)
        raise RuntimeError("made up: no capture")

    graphs.record = refusing
    assert [run(3) for _ in range(4)] == ["eager"] * 4
    assert len(tried) == 1


def test_on_a_cpu_the_level_steps_down_to_the_loop_without_a_trace(toys, monkeypatch):
    monkeypatch.setattr(dispatch, "traced", None)  # calling it would fail
    cell = toys.GRU(3, 4)
    x = torch.randn(2, 3, 3)
    with sequence.using("device"):
        choice = dispatch.choose(cell, x, cell.initial_state(2))
        y, _ = cell(x)
    assert (choice.level, choice.compiled) == ("loop", None)
    assert choice.why_not == {"device": "it does not support cpu"}
    with sequence.using("loop"):
        torch.testing.assert_close(y, cell(x)[0], rtol=0, atol=0)
    assert cuda.unsupported_reason(x) == "it supports CUDA only, and x is on cpu"


NOTICING = """
import sys

class Noticing:
    def find_spec(self, name, path=None, target=None):
        assert name.partition(".")[0] != "triton"

sys.meta_path.insert(0, Noticing())
import recurra_engine.dispatch
import recurra_engine.cuda
"""


def test_the_engine_does_not_ask_for_triton():
    subprocess.run([sys.executable, "-c", NOTICING], check=True, timeout=60)

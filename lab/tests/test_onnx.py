"""Networks exported to ONNX compute the same in ONNX Runtime; what cannot be exported says why."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from recurra import Cell, IncompatibleParts, InvalidOption, Ref, leaves
from recurra_contract import ToyTask
from recurra_lab import Model, to_onnx
from recurra_lab.exports import onnx_check, onnx_graph
from recurra_wrappers import Bidirectional, Stacked

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")


class PairState(NamedTuple):
    h: torch.Tensor
    age: torch.Tensor


class Pair(Cell[PairState]):
    """A cell with an integer in its state, which does not start at zero."""

    def __init__(self, input_size, hidden_size=4):
        super().__init__(input_size, hidden_size)
        self.mix = nn.Linear(input_size + hidden_size, hidden_size)

    def initial_state(self, batch_size):
        h = self.zeros(batch_size, self.output_size) + 0.5
        return PairState(h, torch.full((batch_size,), 3, dtype=torch.int64))

    def step(self, x, state):
        h = torch.tanh(self.mix(torch.cat([x, state.h], -1))) * state.age[:, None]
        return h, PairState(h, state.age + 1)


class Drawn(Pair):
    """A cell that draws its initial state."""

    def initial_state(self, batch_size):
        h = torch.randn(batch_size, self.output_size)
        return PairState(h, torch.ones(batch_size, dtype=torch.int64))


class Peeking(Pair):
    """A cell that looks at a value, which no trace can follow."""

    def step(self, x, state):
        return super().step(x if x.sum() > 0 else -x, state)


def session(content):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options)


def optional(made):
    return [given.name for given in made.get_overridable_initializers()]


def test_whole_sequences_of_any_size_with_lengths_and_a_state():
    cell = Pair(3).eval()
    made = session(to_onnx(cell, metadata={"origin": "a test"}))
    assert made.get_modelmeta().custom_metadata_map["origin"] == "a test"
    assert optional(made) == ["lengths", "state.h", "state.age"]
    assert [out.name for out in made.get_outputs()] == ["y", "next_state.h", "next_state.age"]
    for sizes in [(1, 1), (4, 6)]:
        x = torch.randn(*sizes, 3)
        lengths = torch.randint(0, sizes[1] + 1, sizes[:1])
        y, h, age = made.run(None, {"x": x.numpy()})
        expected, state = cell(x)
        np.testing.assert_allclose(y, expected.detach(), rtol=1e-4)
        again, *_ = made.run(
            None, {"x": x.numpy(), "lengths": lengths.numpy(), "state.h": h, "state.age": age}
        )
        np.testing.assert_allclose(again, cell(x, state, lengths=lengths)[0].detach(), rtol=1e-4)


@pytest.mark.slow
def test_a_step_needs_no_loop_and_starts_at_the_initial_state():
    onnx = pytest.importorskip("onnx")
    network = Stacked([Pair(3, 5), Pair(5, 2)]).eval()
    content = to_onnx(network, streaming=True)
    assert "Scan" not in {node.op_type for node in onnx.load_from_string(content).graph.node}
    made, x = session(content), torch.randn(2, 5, 3)
    names, feeds, outputs = [out.name for out in made.get_outputs()], {}, []
    for x_t in x.unbind(1):
        y, *state = made.run(None, {"x": x_t.numpy(), **feeds})
        feeds = {name.removeprefix("next_"): value for name, value in zip(names[1:], state, strict=True)}
        outputs.append(y)
    expected, after = network(x)
    np.testing.assert_allclose(np.stack(outputs, 1), expected.detach(), rtol=1e-4, atol=1e-6)
    assert feeds.keys() == dict(leaves(after)).keys()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tokens", "bidirectional", "half"])
def test_models(kind):
    options = {"bidirectional": kind == "bidirectional", "layers": 2}
    task = ToyTask()
    task.input_kind = "tokens" if kind == "tokens" else "vectors"
    model = Model(task, Ref("cell", "gru", hidden_size=3), **options).eval()
    made = session(to_onnx(model.bfloat16() if kind == "half" else model))
    shape = (2, 4) if kind == "tokens" else (2, 4, task.input_size)
    x = torch.randint(task.input_size, shape) if kind == "tokens" else torch.randn(shape)
    expected = model.float()(x)[0].detach()
    np.testing.assert_allclose(made.run(["y"], {"x": x.numpy()})[0], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_an_initial_state_that_is_drawn_must_be_given():
    assert optional(session(to_onnx(Drawn(3)))) == ["lengths", "state.age"]


def test_what_cannot_be_exported_says_why(monkeypatch):
    with pytest.raises(IncompatibleParts, match="Peeking cannot be exported: its step cannot be traced"):
        to_onnx(Peeking(3))
    with pytest.raises(IncompatibleParts, match="Bidirectional cannot stream, because it needs the whole"):
        to_onnx(Bidirectional(Pair(3), Pair(3)), streaming=True)
    monkeypatch.setattr(onnx_graph, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(InvalidOption, match=r"requires no_such_package.*pip install 'recurra-lab\[onnx\]'"):
        to_onnx(Pair(3))


def test_a_graph_that_computes_something_else_is_refused(monkeypatch):
    cell = Pair(3).eval()
    zeros = {"y": np.zeros((1, 1, 4), np.float32), "h": np.zeros((1, 4), np.float32)}

    class Wrong:
        def get_overridable_initializers(self):
            return []

        def run(self, names, feeds):
            return [*zeros.values(), np.array([4])]

    monkeypatch.setattr(onnx_check, "_session", lambda content: Wrong())
    with pytest.raises(IncompatibleParts, match=r"ONNX Runtime computes another y: a difference of up to \d"):
        onnx_check.check_graph(b"", cell, streaming=False)
    zeros["y"] = np.zeros((1, 2, 4), np.float32)
    with pytest.raises(IncompatibleParts, match=r"another y: \(1, 2, 4\) instead of \(1, 1, 4\)"):
        onnx_check.check_graph(b"", cell, streaming=False)

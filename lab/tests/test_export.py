"""Exported programs compute what the network does, for any batch size and number of steps."""

import io
import math
import subprocess
import sys
from typing import NamedTuple

import pytest
import torch
from click.testing import CliRunner
from torch import nn
from torch.export import Dim

from recurra import Cell, IncompatibleParts, NoState, Ref, Tags, leaves
from recurra.plugins import registry
from recurra_contract import ToyCell, ToyTask
from recurra_lab import Model
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.cli import main
from recurra_lab.exports.program import export, named_start, save_program
from recurra_lab.runs import export as export_module
from recurra_wrappers import Bidirectional, Stacked

SIZES = [(1, 1), (2, 17), (4, 3)]


class PairState(NamedTuple):
    h: torch.Tensor
    age: torch.Tensor


class Pair(Cell[PairState]):
    """A cell with an integer in its state, whose y is its state."""

    def __init__(self, input_size, hidden_size=4):
        super().__init__(input_size, hidden_size)
        self.mix = nn.Linear(input_size + hidden_size, hidden_size)

    def initial_state(self, batch_size):
        return PairState(self.zeros(batch_size, self.output_size), torch.zeros(batch_size, dtype=torch.int64))

    def step(self, x, state):
        h = torch.tanh(self.mix(torch.cat([x, state.h], -1)))
        return h, PairState(h, state.age + 1)


class Nothing(Cell[NoState]):
    """A cell without a state."""

    def __init__(self, input_size):
        super().__init__(input_size, input_size)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def initial_state(self, batch_size):
        return NoState()

    def step(self, x, state):
        return self.scale * x, state


class Peeking(Nothing):
    """A cell that looks at a value, which no trace can follow."""

    def step(self, x, state):
        return (x if x.sum() > 0 else -x), state


NETWORKS = {
    "a cell": lambda: Pair(3),
    "no state": lambda: Nothing(3),
    "a stack": lambda: Stacked([Pair(3, 5), Nothing(5), Pair(5, 2)]),
    "both ends": lambda: Bidirectional(Pair(3, 5), Pair(3, 2)),
    "dropout": lambda: Stacked([Pair(3, 5), Dropped(5)]),
}


class Dropped(Nothing):
    """A cell that drops half of its inputs in training."""

    def step(self, x, state):
        return nn.functional.dropout(x, 0.5, self.training), state


@pytest.mark.parametrize("network", NETWORKS)
def test_a_program_computes_what_the_network_does_in_evaluation(network):
    module = NETWORKS[network]()
    module.train()
    program = export(module).module()
    assert module.training
    assert all(p.requires_grad for p in module.parameters())
    module.eval()
    for sizes in SIZES:
        x = torch.randn(*sizes, 3)
        y, state = program(x)
        expected, expected_state = module(x)
        assert not y.requires_grad
        torch.testing.assert_close(y, expected)
        assert list(state) == [name for name, _ in leaves(expected_state)]
        for name, tensor in leaves(expected_state):
            torch.testing.assert_close(state[name], tensor)


@pytest.mark.parametrize("network", ["a cell", "no state", "a stack"])
def test_a_streaming_program_goes_on_where_it_stopped(network):
    module = NETWORKS[network]()
    program = export(module, streaming=True).module()
    x = torch.randn(2, 9, 3)
    first, state = program(x[:, :4], named_start(module, 2))
    second, _ = program(x[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), module(x)[0])


def test_a_network_that_reads_from_both_ends_cannot_stream():
    with pytest.raises(IncompatibleParts, match="Bidirectional cannot stream, because it needs the whole"):
        export(NETWORKS["both ends"](), streaming=True)


def test_a_step_that_depends_on_values_is_refused_in_one_sentence():
    with pytest.raises(
        IncompatibleParts, match="Peeking cannot be exported: its step cannot be traced: "
    ) as said:
        export(Peeking(3))
    assert "\n" not in str(said.value)


class Halves(Pair):
    """A cell that counts its rows in a way that torch traces and cannot write down."""

    def step(self, x, state):
        h, state = super().step(x, state)
        return h * math.floor(x.shape[0] / 100 + 1), state


class Sized(Pair):
    """A cell that takes one batch size only."""

    def step(self, x, state):
        h, state = super().step(x, state)
        return h * math.log(x.shape[0] + 1), state


class Uncopied(Pair):
    """A cell with a part that no copy is made of."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.part = (_ for _ in ())


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (Halves, "Halves cannot be exported: its program cannot be serialised: .*floor"),
        (Sized, "Sized cannot be exported: its step cannot be traced: "),
        (Peeking, "Peeking cannot be exported: its step cannot be traced: "),
        (Uncopied, "Uncopied cannot be exported: it cannot be copied: "),
    ],
)
def test_a_failed_export_writes_nothing_and_spoils_no_later_one(cell, told):
    file = io.BytesIO()
    with pytest.raises(IncompatibleParts, match=f"^{told}.+$"):
        save_program(cell(3), file)
    assert file.getvalue() == b""
    module = Pair(3)
    save_program(module, file)
    file.seek(0)
    x = torch.randn(2, 6, 3)
    torch.testing.assert_close(torch.export.load(file).module()(x)[0], module(x)[0])


def test_the_reason_is_what_went_wrong_at_first():
    class Branching(Pair):
        def step(self, x, state):
            return super().step(x if x.sum() > 0 else -x, state)

    with pytest.raises(IncompatibleParts, match=r"cannot be traced: Data-dependent branching$"):
        export(Branching(3))


def test_the_shell_says_it_in_one_sentence_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(RunFolder, "open", RunFolder)
    monkeypatch.setattr(export_module, "restore", lambda folder: (None, None, Halves(3)))
    (tmp_path / "model.pt2").write_bytes(b"what was there")
    result = CliRunner().invoke(main, ["export", str(tmp_path)])
    assert result.exit_code == 2
    assert result.output.startswith("error: Halves cannot be exported: its program cannot be serialised")
    assert len(result.output.splitlines()) == 1
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"what was there"]


class Trees(Pair):
    """A cell that says it reads trees; the arity is one more number to it."""

    tags = Tags(input_kind="trees")


class Words(ToyTask):
    input_kind = "token-trees"


def test_a_model_of_trees_of_tokens_takes_them_as_its_task_gives_them(monkeypatch):
    monkeypatch.setattr(registry, "load", lambda kind, name: Trees)
    model = Model(Words(), Ref("cell", "trees"), embedding_size=2)
    program = export(model).module()
    for sizes in SIZES:
        x = torch.stack([torch.randint(model.embedding.num_embeddings, sizes), torch.zeros(sizes).long()], -1)
        torch.testing.assert_close(program(x)[0], model(x)[0])
    first, state = model(x[:, :1])
    streamed = export(model, streaming=True).module()
    torch.testing.assert_close(streamed(x[:, :1], named_start(model, 4))[0], first)
    assert torch.equal(state.age, torch.ones(4).long())


def test_a_program_takes_lengths():
    class WithLengths(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = Pair(3).requires_grad_(False)

        def forward(self, x, lengths):
            y, state = self.cell(x, lengths=lengths)
            return y, dict(leaves(state))

    module, x = WithLengths(), torch.randn(3, 6, 3)
    sizes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC}, {0: Dim.DYNAMIC})
    inputs = (torch.zeros(2, 4, 3), torch.tensor([4, 2]))
    program = torch.export.export(module, inputs, dynamic_shapes=sizes).module()
    lengths = torch.tensor([6, 0, 3])
    (y, state), (expected, after) = program(x, lengths), module(x, lengths)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(state, after)


class Marked(nn.Module):
    """Takes resets, and may return all states."""

    def __init__(self, cell, states):
        super().__init__()
        self.cell, self.states = cell.requires_grad_(False), states

    def forward(self, x, resets):
        y, state = self.cell(x, resets=resets, states=self.states)
        return y, dict(leaves(state))


def exported(module):
    sizes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    example = torch.zeros(3, 5, 3), torch.zeros(3, 5, dtype=torch.bool)
    return torch.export.export(module, example, dynamic_shapes=(sizes, sizes)).module()


@pytest.mark.parametrize("states", [False, True])
def test_resets_and_states_of_every_step_are_exported_too(states):
    module = Marked(ToyCell(3), states)
    program = exported(module)
    for rows, steps in SIZES:
        x, resets = torch.randn(rows, steps, 3), torch.rand(rows, steps) < 0.4
        (y, state), (expected, wanted) = program(x, resets), module(x, resets)
        torch.testing.assert_close(y, expected)
        torch.testing.assert_close(state["state.h"], wanted["state.h"])


def test_states_of_several_dtypes_are_refused_inside_a_program():
    with pytest.raises(IncompatibleParts, match="only if all have the dtype of y"):
        exported(Marked(Pair(3), True))


@pytest.mark.slow
def test_a_file_needs_torch_alone(tmp_path):
    module = Pair(3)
    torch.export.save(export(module), tmp_path / "pair.pt2")
    x = torch.randn(2, 6, 3)
    torch.save((x, module(x)[0].detach()), tmp_path / "expected.pt")
    script = (
        "import sys, torch\n"
        f"x, expected = torch.load({str(tmp_path / 'expected.pt')!r})\n"
        f"y, state = torch.export.load({str(tmp_path / 'pair.pt2')!r}).module()(x)\n"
        "torch.testing.assert_close(y, expected)\n"
        "assert list(state) == ['state.h', 'state.age'] and state['state.age'].tolist() == [6, 6]\n"
        "assert 'recurra' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)

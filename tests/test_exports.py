"""Models that read trees, and every run, can be exported for programs that have torch alone.

That each cell can be exported is part of its contract.
"""

import pytest
import torch
from click.testing import CliRunner

from recurra import Ref, leaves
from recurra.plugins.registry import components, load
from recurra_contract import ToyTask
from recurra_lab import Model
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.cli import main
from recurra_lab.exports.program import export, named_start
from recurra_lab.runs.restore import restore
from selection import every_pair


def recurra(*arguments):
    return CliRunner().invoke(main, [*map(str, arguments)])


def arities(steps):
    """Return those of a binary tree that branches to the left, in post-order, up to some step."""
    return torch.tensor(([0, 0, 2] + [0, 2] * steps)[:steps])


TREES = [
    offer.component.name
    for offer in components("cell")
    if load("cell", offer.component.name).tags.input_kind == "trees"
]


class Words(ToyTask):
    """Gives trees of tokens; only what it gives matters here."""

    input_kind = "token-trees"


@pytest.mark.parametrize(("name", "how"), every_pair(TREES, ["whole", "streaming"]))
def test_a_model_that_reads_trees_of_tokens_is_exported(name, how):
    streaming = how == "streaming"
    cls = load("cell", name)
    torch.manual_seed(0)
    model = Model(Words(), Ref("cell", name, **cls.contract_options), embedding_size=3).eval()
    program = export(model, streaming=streaming).module()
    for batch_size, steps in [(1, 1), (2, 17)]:
        tokens = torch.randint(model.embedding.num_embeddings, (batch_size, steps))
        x = torch.stack([tokens, arities(steps).expand(batch_size, -1)], -1)
        y, state = program(x, named_start(model, batch_size)) if streaming else program(x)
        expected, expected_state = model(x)
        torch.testing.assert_close(y, expected)
        for leaf, tensor in leaves(expected_state):
            torch.testing.assert_close(state[leaf], tensor)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    small = ["task.max_length=2", "run.max_steps=1", "run.validation_batches=1", "run.progress=false"]
    trained = recurra("train", "copy", "gru", "cell.hidden_size=4", *small, "--out", root)
    assert trained.exit_code == 0, trained.output
    (folder,) = root.glob("copy/gru-bptt/*")
    return folder


def test_a_run_is_exported_from_the_shell(run, tmp_path):
    assert recurra("export", run).stdout == f"{run / 'model.pt2'}\n"
    x = torch.randn(3, 11, 10)
    _, _, model = restore(RunFolder.open(run))
    torch.testing.assert_close(torch.export.load(run / "model.pt2").module()(x)[0], model.eval()(x)[0])


def test_a_streaming_program_takes_a_state(run, tmp_path):
    assert recurra("export", run, "--streaming", "--to", tmp_path / "stream.pt2").exit_code == 0
    program = torch.export.load(tmp_path / "stream.pt2").module()
    _, state = program(torch.randn(2, 4, 10), {"state.h": torch.zeros(2, 4)})
    assert state["state.h"].shape == (2, 4)


def test_a_folder_that_is_not_there_is_said_before_the_work(run, tmp_path):
    refused = recurra("export", run, "--to", tmp_path / "no" / "model.pt2")
    assert refused.exit_code != 0
    assert f"the folder {tmp_path / 'no'} does not exist" in refused.stderr
    assert "Traceback" not in refused.stderr

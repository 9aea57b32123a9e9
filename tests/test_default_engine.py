"""Installed cells at the level of the engine that their users get; other tests run them in the loop."""

import shutil

import pytest
import torch

from recurra import sequence
from recurra.plugins.registry import components, load
from recurra_contract import Contract
from recurra_contract.cells.probes import equal, gradients, inputs, made, tensors
from recurra_contract.kit import maker
from recurra_engine import dispatch
from selection import at_most

COMPILED = ["recurra-elman:elman", "recurra-gru:gru", "recurra-lstm:lstm", "recurra-ntm:ntm"]
"""Cells whose users count on the level `native`; others may have steps that cannot be compiled."""
FEW = 6
"""How many others the fast tests take: each is compiled anew, with and without its gradient."""
OTHERS = [offer.qualified for offer in components("cell") if offer.qualified not in COMPILED]
PARTS = [(kind, offer.qualified) for kind in ("cell", "memory") for offer in components(kind)]


@pytest.fixture(autouse=True, scope="module")
def compiled_steps(tmp_path_factory):
    """No level is forced, and nothing that was compiled before is used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RECURRA_ENGINE", raising=False)
        patch.setenv("RECURRA_CACHE", str(tmp_path_factory.mktemp("compiled")))
        yield


def results(cell, x, level):
    """Return outputs, final state and all gradients."""
    with sequence.using(level):
        y, state = cell(x)
    found = dict(tensors(y, state))
    if any(tensor.requires_grad for tensor in found.values()):
        found |= {f"the gradient of {name}": g for name, g in gradients(cell, x, y, state).items()}
    return found


@pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="needs a C compiler")
@pytest.mark.parametrize("name", [*COMPILED, *at_most(FEW, OTHERS)])
def test_a_cell_gives_what_it_gives_in_the_loop(name):
    cell = made(maker("cell", load("cell", name)), torch.float32)
    x = inputs(cell, dtype=torch.float32).requires_grad_()
    choice = dispatch.choose(cell, x, cell.initial_state(len(x)))
    if choice.level != "native":
        assert name not in COMPILED, choice.why_not
        pytest.skip(f"it is not compiled: {choice.why_not['native']}")
    best, loop = results(cell, x, None), results(cell, x, "loop")
    assert best.keys() == loop.keys()
    for what, expected in loop.items():
        equal(what, best[what], expected, 1e-5 * max(1.0, float(expected.detach().abs().max())))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_the_contract_is_kept(kind, name):
    assert [result for result in Contract.of(kind, name).run() if result.status == "failed"] == []

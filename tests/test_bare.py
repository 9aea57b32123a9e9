"""The core and one cell plugin, alone in an empty environment: enough to train, and nothing else is there."""

import pytest

from .elsewhere import Published, closure, good
from .packages import ROOT, project

PACKAGES = [ROOT / "core", ROOT / "plugins/cells/gru", ROOT / "plugins/cells/ntm"]
OURS = ("recurra_engine", "recurra_wrappers", "recurra_lab")
HEAVY = ("pytorch_lightning", "matplotlib", "click", "datasets", "pyarrow", *OURS)
MOST_PACKAGES = 20

TRAIN = """
import torch
from recurra_gru.cell import GRU
from recurra_ntm.cell import NTM

torch.manual_seed(0)
x = torch.randn(16, 12, 3)
target = x.sum(-1, keepdim=True).cumsum(1).tanh()
for layer, updates in ((GRU(3, hidden_size=8), 60), (NTM(3), 3)):
    readout = torch.nn.Linear(layer.output_size, 1)
    optimizer = torch.optim.Adam([*layer.parameters(), *readout.parameters()], lr=1e-2)
    losses = []
    for _ in range(updates):
        y, _ = layer(x)
        loss = (readout(y) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    print(losses[-1] < losses[0])
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """An environment with the wheels of the core and of two cells, and what these need."""
    return Published(tmp_path_factory.mktemp("bare"), PACKAGES)


def needed():
    return closure(project(package)["project"]["name"] for package in PACKAGES)


def test_few_packages_are_needed():
    assert len(needed()) <= MOST_PACKAGES, sorted(needed())


def test_nothing_heavy_is_there(bare):
    found = f"from importlib.util import find_spec; print([m for m in {HEAVY} if find_spec(m)])"
    assert good(bare.run("-c", found)) == "[]\n"


def test_cells_learn_in_a_plain_loop(bare):
    assert good(bare.run("-c", TRAIN)) == "True\nTrue\n"


def test_the_shell_says_what_brings_it(bare):
    done = bare.run("-m", "recurra", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == "error: the command line is not installed; install it with: pip install recurra-lab\n"
    )

"""The core and one cell plugin, alone in an empty environment: enough to train, and nothing else is there."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import distribution, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
WHEELS = ("core", "plugins/cells/gru", "plugins/cells/ntm")
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


def closure(names):
    """Return the names of distributions and of all that they need, as installed here."""
    found, todo = set(), list(names)
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in found:
            continue
        found.add(name)
        needs = (Requirement(line) for line in requires(name) or [])
        todo += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return found


def link(name, site):
    """Put an installed distribution into another environment, without a copy."""
    for file in distribution(name).files or []:
        top = file.parts[0]
        if top != ".." and not (site / top).exists():
            (site / top).symlink_to(distribution(name).locate_file(top))


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """An environment with the wheels of the core and of two cells, and what these need."""
    home = tmp_path_factory.mktemp("bare")
    venv.create(home / "venv", with_pip=False)
    paths = {"base": str(home / "venv"), "platbase": str(home / "venv")}
    site = Path(sysconfig.get_path("purelib", vars=paths))
    for package in WHEELS:
        build = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            "-q",
        ]
        subprocess.run([*build, "-w", str(home), str(ROOT / package)], check=True, env=tools_on_path())
    for wheel in home.glob("*.whl"):
        subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(site)], check=True)
    for name in needed() - ours():
        link(name, site)
    return Path(sysconfig.get_path("scripts", vars=paths)) / "python"


def tools_on_path():
    return {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def ours():
    return {"recurra-core", "recurra-gru", "recurra-ntm"}


def needed():
    return closure(ours())


def python_there(python, *arguments):
    env = {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [str(python), *arguments], capture_output=True, text=True, env=env, timeout=240, check=False
    )


def run(python, code):
    done = python_there(python, "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_few_packages_are_needed():
    assert len(needed()) <= MOST_PACKAGES, sorted(needed())


def test_nothing_heavy_is_there(bare):
    found = f"from importlib.util import find_spec; print([m for m in {HEAVY} if find_spec(m)])"
    assert run(bare, found) == "[]\n"


def test_cells_learn_in_a_plain_loop(bare):
    assert run(bare, TRAIN) == "True\nTrue\n"


def test_the_shell_says_what_brings_it(bare):
    done = python_there(bare, "-m", "recurra", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == "error: the command line is not installed; install it with: pip install recurra-lab\n"
    )

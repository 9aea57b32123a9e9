"""A cell that a stranger writes by the tutorial: under 25 lines of Python, which keep the whole contract."""

import json
import math

import pytest
import torch

from .elsewhere import Elsewhere, good
from .hooks_page import PYPROJECT

HOOK = """
from recurra import Component, hookimpl

@hookimpl
def recurra_components():
    return [Component("cell", "star", "acme_star.cell:Star", "a stackable recurrent unit")]
"""
CELL = '''
import torch
from recurra import Cell
from torch import Tensor, nn

class Star(Cell[Tensor]):
    """k = σ(W_k x + U h + b_k);  y = h' = tanh((1 − k) ∘ h + k ∘ tanh(W_z x + b_z))"""

    def __init__(self, input_size: int, *, hidden_size: int = 16) -> None:
        super().__init__(input_size, hidden_size)
        self.from_x = nn.Linear(input_size, 2 * hidden_size)
        self.from_h = nn.Linear(hidden_size, hidden_size, bias=False)

    def initial_state(self, batch_size: int) -> Tensor:
        return self.zeros(batch_size, self.output_size)

    def step(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        k, z = self.from_x(x).chunk(2, -1)
        k = torch.sigmoid(k + self.from_h(h))
        h = torch.tanh((1 - k) * h + k * torch.tanh(z))
        return h, h
'''


def test_it_takes_fewer_than_25_lines():
    lines = [line for line in (HOOK + CELL).splitlines() if line.strip()]
    assert len(lines) < 25


def test_one_step_by_hand():
    """k = σ(ln 3) = 3/4 and tanh z = 3/5 from h = 1: tanh(1/4 + 9/20)."""
    made = {}
    exec(CELL, made)
    cell = made["Star"](1, hidden_size=1).double()
    with torch.no_grad():
        cell.from_x.weight.zero_()
        cell.from_x.bias.copy_(torch.tensor([0.0, math.log(2)], dtype=torch.float64))
        cell.from_h.weight.fill_(math.log(3))
    y, _ = cell.step(torch.zeros(1, 1).double(), torch.ones(1, 1).double())
    assert y.item() == pytest.approx(math.tanh(0.7), abs=1e-12)


@pytest.mark.slow
def test_it_is_installed_listed_checked_and_trained(tmp_path):
    package = tmp_path / "src" / "acme_star"
    package.mkdir(parents=True)
    pyproject = PYPROJECT.format(dist="acme-star", group="recurra", target="acme_star")
    (tmp_path / "pyproject.toml").write_text(pyproject, "utf-8")
    (package / "__init__.py").write_text(HOOK, "utf-8")
    (package / "cell.py").write_text(CELL, "utf-8")
    made = Elsewhere(tmp_path)
    good(made.run("-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--no-index", tmp_path))
    rows = json.loads(good(made.run("-m", "recurra", "list", "--json")))
    assert [row["name"] for row in rows if row["dist"] == "acme-star"] == ["star"]
    good(made.run("-m", "recurra", "check", "acme-star"))
    few = ("run.max_steps=4", "run.suite_batches=1", "run.validation_batches=1", "run.progress=false")
    assert "report:" in good(made.run("-m", "recurra", "train", "copy", "star", *few))

"""Plugins with a defect each, and the command that meets it."""

from __future__ import annotations

HEAD = """
import torch
from torch import Tensor, nn
from recurra import Cell, Component, Task, hookimpl
"""
CELL = """
class Bad(Cell[Tensor]):
    def __init__(self, input_size: int, *, hidden_size: int = 4) -> None:
        super().__init__(input_size, hidden_size)
        self.W = nn.Linear(input_size + hidden_size, hidden_size)

    def initial_state(self, batch_size: int) -> Tensor:
        return self.zeros(batch_size, self.output_size)

    def step(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.tanh(self.W(torch.cat([x, h], -1)))
        return h, h
"""
TRAIN = ("train", "copy", "bad", "run.max_steps=1", "run.progress=false", "run.suite_batches=1")
LIST = ("list",)


def _cell(before: str, after: str) -> str:
    assert before in CELL
    return HEAD + CELL.replace(before, after)


DEFECTS: list[tuple[str, tuple[str, ...]]] = [
    ("def (:", LIST),
    ("import no_such_module_at_all", LIST),
    ("raise SystemExit(3)", LIST),
    ("class E(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise E", LIST),
    ("", LIST),
    (HEAD + "@hookimpl\ndef recurra_components():\n    return 3", LIST),
    (HEAD + "@hookimpl\ndef recurra_components():\n    raise KeyError('x')", LIST),
    (HEAD + "@hookimpl\ndef recurra_components(surplus):\n    return []", LIST),
    (HEAD + "@hookimpl\ndef recurra_component():\n    return []", LIST),
    (
        HEAD
        + "@hookimpl\ndef recurra_components():\n    return [Component('cell', 'bad', 'nowhere:Bad', 's')]",
        TRAIN,
    ),
    (_cell("return h, h", "return h"), TRAIN),
    (_cell("return h, h", "return None"), TRAIN),
    (_cell("return h, h", "return h[:, :1], h"), TRAIN),
    (_cell("return h, h", "return h.double(), h"), TRAIN),
    (_cell("return h, h", "raise ValueError('never')"), TRAIN),
    (_cell("hidden_size: int = 4", "hidden_size: 'Nothing' = 4"), TRAIN),
    (_cell("hidden_size: int = 4", "hidden_size: int"), TRAIN),
    (_cell("return self.zeros(batch_size, self.output_size)", "return None"), TRAIN),
    (_cell("return self.zeros(batch_size, self.output_size)", "return self.zeros(3, 3)"), TRAIN),
    (_cell("super().__init__(input_size, hidden_size)", "pass"), TRAIN),
    (_cell("        h = torch.tanh", "        h.add_(1)\n        h = torch.tanh"), TRAIN),
    (_cell("    def step", "    def other"), TRAIN),
]

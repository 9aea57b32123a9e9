"""State space models as a recurra plugin: S4D, S5, LRU, RG-LRU, Mamba and Mamba-2."""

from collections.abc import Iterable

from recurra import Component, hookimpl

CELLS = [
    ("s4d", "s4d:S4D", "a diagonal state space model for each channel", "Gu et al. 2022"),
    ("s5", "s5:S5", "one diagonal state space model for all channels", "Smith et al. 2023"),
    ("lru", "lru:LRU", "linear recurrent unit with complex eigenvalues on a ring", "Orvieto et al. 2023"),
    ("rg-lru", "rg_lru:RGLRU", "linear recurrent unit with real, gated eigenvalues", "De et al. 2024"),
    ("mamba", "mamba:Mamba", "selective state space model (S6) in its gated block", "Gu and Dao 2023"),
    ("mamba2", "mamba2:Mamba2", "selective model with one decay per head (SSD)", "Dao and Gu 2024"),
]


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cells."""
    return [
        Component("cell", name, f"recurra_ssm.{target}", summary, paper)
        for name, target, summary, paper in CELLS
    ]

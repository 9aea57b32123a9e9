"""The contract kit: what every cell, memory, task and trainer must do, as functions `check_*(make)`.

Names are imported on first use, since pytest imports this package in every run of everybody's tests.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recurra.testing.checking import Check as Check
    from recurra.testing.checking import CheckFailed as CheckFailed
    from recurra.testing.checking import Contract as Contract
    from recurra.testing.checking import Result as Result
    from recurra.testing.checking import Skip as Skip
    from recurra.testing.checking import checks as checks
    from recurra.testing.fingerprints import check_fingerprint as check_fingerprint
    from recurra.testing.fingerprints import fingerprint as fingerprint
    from recurra.testing.parameters import contract as contract
    from recurra.testing.toys import Identity as Identity
    from recurra.testing.toys import ToyCell as ToyCell
    from recurra.testing.toys import ToyMemory as ToyMemory
    from recurra.testing.toys_learning import ToyTask as ToyTask
    from recurra.testing.toys_learning import ToyTrainer as ToyTrainer

_HOMES = {
    "checking": ("Check", "CheckFailed", "Contract", "Result", "Skip", "checks"),
    "fingerprints": ("check_fingerprint", "fingerprint"),
    "parameters": ("contract",),
    "toys": ("Identity", "ToyCell", "ToyMemory"),
    "toys_learning": ("ToyTask", "ToyTrainer"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'recurra.testing' has no attribute '{name}'")
    return getattr(import_module(f"recurra.testing.{_HOME_OF[name]}"), name)

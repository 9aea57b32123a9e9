"""Tasks of recall in context as a recurra plugin; every command imports this module, so keep it light."""

from collections.abc import Iterable
from pathlib import Path

from recurra import Component, hookimpl

HERE = "recurra_recall"
MAMBA = "Gu and Dao 2023"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the tasks."""
    return [
        Component(
            "task",
            "mqar",
            f"{HERE}.mqar_task:MQAR",
            "recall the values of many keys that were seen in the same sequence",
            "Arora et al. 2023",
        ),
        Component(
            "task",
            "selective-copy",
            f"{HERE}.selective_copy_task:SelectiveCopy",
            "copy the symbols of a sequence and leave out the noise between them",
            MAMBA,
        ),
        Component(
            "task",
            "induction-heads",
            f"{HERE}.induction_heads_task:InductionHeads",
            "recall the symbol that followed a special one, at lengths far beyond those of training",
            MAMBA,
        ),
    ]


@hookimpl
def recurra_experiments() -> Iterable[Path]:
    """Return the experiments that come with the plugin."""
    return sorted((Path(__file__).parent / "experiments").glob("*/*.toml"))

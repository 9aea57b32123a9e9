"""Prediction tasks as a recurra plugin; every command reads this module, so it imports nothing heavy."""

from collections.abc import Iterable
from pathlib import Path

from recurra import Component, hookimpl

HERE = "recurra_prediction"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the tasks."""
    return [
        Component(
            "task",
            "xor-in-time",
            f"{HERE}.xor:XorInTime",
            "predict a bit stream in which every third bit is the XOR of the previous two",
            "Elman 1990",
        ),
        Component(
            "task",
            "pipelined-xor",
            f"{HERE}.pipelined_xor:PipelinedXor",
            "at every step, output the XOR of the two random bits from a few steps earlier",
            "Williams and Zipser 1989",
        ),
        Component(
            "task",
            "letters-in-words",
            f"{HERE}.letters:LettersInWords",
            "predict a stream of words without spaces, letter by letter",
            "Elman 1990",
        ),
        Component(
            "task",
            "chunker-stream",
            f"{HERE}.chunker:ChunkerStream",
            "predict a stream of blocks, and recall at the end of each how it began",
            "Schmidhuber 1992",
        ),
        Component(
            "task",
            "mackey-glass",
            f"{HERE}.mackey_glass:MackeyGlass",
            "predict a chaotic series with a delay, 84 steps ahead",
            "Mackey and Glass 1977",
        ),
        Component(
            "task",
            "time-series",
            f"{HERE}.time_series:TimeSeries",
            "forecast the columns of a CSV or Parquet file",
        ),
    ]


@hookimpl
def recurra_experiments() -> Iterable[Path]:
    """Return the experiments that come with the plugin."""
    return sorted((Path(__file__).parent / "experiments").glob("*/*.toml"))

"""Long time lags as a recurra plugin; every command imports this module, so it imports nothing heavy."""

from collections.abc import Iterable
from pathlib import Path

from recurra import Component, hookimpl

LSTM_1997 = "Hochreiter and Schmidhuber 1997"
TASKS = {
    "embedded-reber": (
        "embedded_reber_task:EmbeddedReber",
        "predict strings whose second-to-last symbol repeats the second",
        LSTM_1997,
    ),
    "long-lag": (
        "long_lag_task:LongLag",
        "recall the first symbol after a long sequence of distractors",
        LSTM_1997,
    ),
    "two-sequence": (
        "two_sequence_task:TwoSequence",
        "classify a sequence by its first elements, despite the noise that follows",
        LSTM_1997,
    ),
    "adding": ("adding_task:Adding", "add the two marked numbers of a long sequence", LSTM_1997),
    "multiplication": (
        "multiplication_task:Multiplication",
        "multiply the two marked numbers of a long sequence",
        LSTM_1997,
    ),
    "temporal-order": (
        "temporal_order_task:TemporalOrder",
        "classify the order of two or three symbols far apart",
        LSTM_1997,
    ),
    "delayed-xor": (
        "delayed_xor_task:DelayedXor",
        "classify whether two symbols far apart differ",
        LSTM_1997,
    ),
    "copy-memory": (
        "copy_memory_task:CopyMemory",
        "repeat ten symbols after a long delay",
        "Arjovsky, Shah and Bengio 2016",
    ),
}


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the tasks."""
    return [
        Component("task", name, f"recurra_long_lag.{target}", summary, paper)
        for name, (target, summary, paper) in TASKS.items()
    ]


@hookimpl
def recurra_experiments() -> Iterable[Path]:
    """Return the experiments that come with the plugin."""
    return sorted((Path(__file__).parent / "experiments").glob("*/*.toml"))

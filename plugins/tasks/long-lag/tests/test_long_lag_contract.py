"""The tasks with long lags keep the contract of tasks; so do their variants."""

from recurra_contract import contract


@contract("task", "embedded-reber", {"test": {"held_out": "test", "strings": 20, "loss": "cross-entropy"}})
def test_embedded_reber(check):
    check()


@contract(
    "task",
    "long-lag",
    {
        "2b": {"experiment": "2b", "p": 20},
        "2c": {"experiment": "2c", "p": 5, "q": 30, "loss": "cross-entropy"},
    },
)
def test_long_lag(check):
    check()


@contract(
    "task",
    "two-sequence",
    {
        "3b": {"experiment": "3b", "signal": 1},
        "3c": {"experiment": "3c"},
        "entropy": {"loss": "cross-entropy"},
    },
)
def test_two_sequence(check):
    check()


@contract("task", "adding", {"modern": {"form": "modern", "length": 40}})
def test_adding(check):
    check()


@contract("task", "multiplication", {"strict": {"allowed": 13, "length": 30}})
def test_multiplication(check):
    check()


@contract("task", "temporal-order", {"6b": {"experiment": "6b", "loss": "cross-entropy"}})
def test_temporal_order(check):
    check()


@contract("task", "delayed-xor", {"short": {"length": 20, "loss": "cross-entropy"}})
def test_delayed_xor(check):
    check()


@contract(
    "task", "copy-memory", {"delimiters": {"recall": "delimiter", "length": 5, "copied": 3, "symbols": 2}}
)
def test_copy_memory(check):
    check()

"""Every prediction task keeps the contract of tasks."""

from recurra_contract import contract


@contract("task", "xor-in-time")
def test_xor_in_time(check):
    check()


@contract("task", "pipelined-xor", {"far": {"delay": 5, "length": 30, "loss": "cross-entropy"}})
def test_pipelined_xor(check):
    check()


@contract("task", "letters-in-words")
def test_letters_in_words(check):
    check()


@contract("task", "chunker-stream")
def test_chunker_stream(check):
    check()


@contract("task", "mackey-glass")
def test_mackey_glass(check):
    check()


@contract(
    "task",
    "time-series",
    {
        "quantiles": {"loss": "quantile", "columns": "load", "past_covariates": "temperature"},
        "likelihood": {"loss": "normal", "columns": "load", "future_covariates": "temperature"},
        "masked": {"loss": "laplace", "missing": "mask"},
    },
)
def test_time_series(check):
    check()

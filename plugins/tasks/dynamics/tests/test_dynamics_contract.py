"""Every task of dynamics keeps the contract of tasks."""

from recurra_contract import contract


@contract("task", "flip-flop", {"one bit": {"bits": 1, "pulses": 0.5, "length": 7}})
def test_flip_flop(check):
    check()


@contract("task", "context-integration", {"noisy": {"noise": 3.0, "length": 5, "coherences": (1.0,)}})
def test_context_integration(check):
    check()


@contract("task", "lorenz")
def test_lorenz(check):
    check()


@contract("task", "rossler", {"short": {"steps": 20, "warm_up": 5}})
def test_rossler(check):
    check()


@contract("task", "irregular-series", {"one channel": {"frequencies": (3.0,), "length": 4}})
def test_irregular_series(check):
    check()

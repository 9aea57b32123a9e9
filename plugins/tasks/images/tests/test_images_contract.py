"""MNIST keeps the contract of tasks, in each of its forms."""

from recurra_contract import contract


@contract("task", "mnist")
def test_mnist(check):
    check()


@contract("task", "mnist", {"permuted": {"form": "permuted"}, "rows": {"form": "rows"}})
def test_mnist_in_other_forms(check):
    check()

"""The tensor product memory as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

PAPER = "Smolensky 1990"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the memory and the cell."""
    summary = "facts of k vectors, stored as outer products; any k - 1 of the vectors retrieve the other"
    target = "recurra_tensor_product.memory:TensorProductMemory"
    return [
        Component("memory", "tensor-product", target, summary, PAPER),
        Component(
            "cell",
            "binding",
            "recurra_tensor_product.binding:Binding",
            "the outer product of several vectors; with a Hebbian readout, a memory of facts",
            PAPER,
        ),
    ]

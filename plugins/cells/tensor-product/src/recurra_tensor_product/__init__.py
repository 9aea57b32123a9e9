"""The tensor product memory as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

PAPER = "Smolensky 1990"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the memory and the cell."""
    summary = "facts of k vectors, stored as their outer product; all but one vector retrieve the last"
    target = "recurra_tensor_product.memory:TensorProductMemory"
    return [
        Component("memory", "tensor-product", target, summary, PAPER),
        Component(
            "cell",
            "binding",
            "recurra_tensor_product.binding:Binding",
            "the product of several vectors; a readout by Hebb's rule makes it a memory of facts",
            PAPER,
        ),
    ]

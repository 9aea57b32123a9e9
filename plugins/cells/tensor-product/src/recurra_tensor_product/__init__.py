"""The tensor product memory as a recurra plugin."""

from collections.abc import Iterable

from recurra.hooks import Component, hookimpl

PAPER = "Smolensky 1990"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the memory."""
    summary = "facts of k vectors, stored as their outer product; all but one vector retrieve the last"
    target = "recurra_tensor_product.memory:TensorProductMemory"
    return [Component("memory", "tensor-product", target, summary, PAPER)]

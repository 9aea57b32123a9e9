"""Images as sequences, as a recurra plugin; every command reads this module, so it imports nothing heavy."""

from collections.abc import Iterable

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the task."""
    summary = "classify an image of a digit, read pixel by pixel, permuted or row by row"
    return [Component("task", "mnist", "recurra_images.mnist_task:MNIST", summary, "Le et al. 2015")]

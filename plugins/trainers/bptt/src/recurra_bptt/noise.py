"""Noise on weights and gradients, the same on every process: it depends on seed and position alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from recurra import generator_of

ANNEALED = 0.55
"""The variance of gradient noise falls with this power of the number of updates."""


class WeightNoise:
    """Normal noise on the weights from before a forward pass until after its backward pass.

    Source: Graves 2011; Chung et al. 2014 use a standard deviation of 0.075.

    Args:
        parameters: The weights.
        deviation: Standard deviation of the noise.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], deviation: float) -> None:
        self.parameters, self.deviation = parameters, deviation
        self.clean: list[Tensor] = []

    @torch.no_grad()
    def add(self, seed: int, *position: int) -> None:
        """Disturb the weights, unless they are disturbed already.

        Args:
            seed: The run's seed.
            position: The batch, and the first step of the window if there is one.
        """
        if not self.deviation or self.clean:
            return
        generator = generator_of("weights", seed, *position)
        for weight in self.parameters:
            self.clean.append(weight.detach().clone())
            weight.add_(_normal(weight, generator), alpha=self.deviation)

    @torch.no_grad()
    def remove(self) -> None:
        """Put the weights back, to the bit."""
        for weight, clean in zip(self.parameters, self.clean, strict=False):
            weight.copy_(clean)
        self.clean = []


@torch.no_grad()
def disturb_gradients(parameters: Sequence[nn.Parameter], scale: float, seed: int, k: int) -> None:
    """Add normal noise of variance `scale` / (1 + k)^0.55 to the gradients of update k = 0, 1, ...

    Source: Neelakantan et al. 2015, "Adding gradient noise improves learning for very deep networks".
    """
    generator, deviation = generator_of("gradients", seed, k), (scale / (1 + k) ** ANNEALED) ** 0.5
    for parameter in parameters:
        noise = _normal(parameter, generator)
        if parameter.grad is not None:
            parameter.grad.add_(noise, alpha=deviation)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator).to(like)

"""Readouts in one shot: Hebb's rule, and ridge regression for echo states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from recurra import Network, Task, Trainer

if TYPE_CHECKING:
    from recurra_hebbian.module import HebbianModule


class Hebbian(Trainer):
    """Compute the readout from the cell's outputs h and the targets d; all other weights stay fixed.

        hebb:   W = Σ d hᵀ, b = 0                                    over all scored steps so far
        ridge:  [W b] = Σ d [h 1]ᵀ (Σ [h 1] [h 1]ᵀ + λ I)⁻¹          the b of λ I being zero

    `hebb` stores each association in one shot, as the sum of outer products; retrieval is exact where the h
    are orthonormal. On `binding`, which outputs the product of its cues, W is a tensor product memory.
    `ridge` is the readout of an echo state network: the least squared error over all steps so far, with a
    penalty on W. Both sums are kept in float64, so that batches one by one give the same result as all
    together; after each batch the readout is the best for what has been seen.

    d is the target if that is floating-point numbers, one-hot if it is classes; zeros and ones become
    −1 and 1, the signs of a logit. The first `washout` steps of a sequence are not used.

    Works with every cell. Source: Smolensky 1990; Jaeger 2001, "The echo state approach".
    """

    def __init__(
        self,
        *,
        readout: Annotated[
            Literal["ridge", "hebb"], Field(description="ridge: least squares; hebb: a sum of outer products")
        ] = "ridge",
        ridge: Annotated[float, Field(ge=0, description="λ, penalty on squared weights")] = 1e-6,
        washout: Annotated[
            int, Field(ge=0, description="initial steps of each sequence that are not used")
        ] = 0,
    ) -> None:
        self.readout, self.ridge, self.washout = readout, ridge, washout

    def lightning_module(self, model: Network, task: Task, seed: int) -> HebbianModule:
        """Return the Lightning module.

        Raises:
            IncompatibleParts: The model has no readout.
        """
        from recurra_hebbian.module import HebbianModule

        return HebbianModule(model, task, seed, readout=self.readout, ridge=self.ridge, washout=self.washout)

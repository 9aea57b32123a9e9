"""Random weight guessing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from recurra import Network, Task, Trainer

if TYPE_CHECKING:
    from recurra_guessing.module import GuessingModule

Count = Annotated[int, Field(gt=0)]


class Guessing(Trainer):
    """Draw all weights at random, again and again, until a network solves its training set.

        repeat:  w ~ U(−range, range)ⁿ  until  the goal is met on all sequences of the training set

    Each batch is a training set of its own, on which `guesses` networks are tried at once. The first of them
    that meets the task's goal on the whole batch, by its score and nothing else, is the model; what comes
    after it is not counted, and validation then says whether the run ends. Until there is one, the model is
    the best guess so far: by the score of the goal on the batch it was drawn for, ties by the loss.

    A few sequences reject most guesses, so all are tried on the first of each number in `screens`.
    Those go on which could still meet the goal if they made no further error, and the eight best besides, so
    that whatever meets the goal would meet it without screens, and the other way round. This holds for goals
    that bound a mean of errors, none of them negative, from above; for others there are no screens.

    The guesses of a batch depend on (seed, batch) alone. Several processes share them out, and agree.

    Logs: train/guesses, the networks drawn so far, up to the first that met the goal on the last batch.
    Works with every cell, differentiable or not; frozen weights are not drawn. Rejects tasks whose batches
    continue one another, since a guess has no past.
    Source: Hochreiter and Schmidhuber 1996, NIPS 9:473-479; Schmidhuber and Hochreiter 1996, IDSIA-19-96.
    """

    contract_options = {"weight_range": 1.0, "guesses": 200}

    def __init__(
        self,
        *,
        weight_range: Annotated[float, Field(gt=0, description="maximum absolute value of a weight")] = 100.0,
        guesses: Annotated[Count, Field(description="number of networks drawn per batch")] = 1000,
        screens: Annotated[
            tuple[Count, ...],
            Field(
                strict=False,
                description="numbers of sequences of the batch on which guesses are screened first",
            ),
        ] = (4, 16),
    ) -> None:
        self.weight_range, self.guesses, self.screens = weight_range, guesses, screens

    def lightning_module(self, model: Network, task: Task, seed: int) -> GuessingModule:
        """Return the Lightning module.

        Raises:
            IncompatibleParts: All weights of the model are frozen, the task has no targets, or its batches
                continue one another.
        """
        from recurra_guessing.module import GuessingModule

        return GuessingModule(
            model,
            task,
            seed,
            weight_range=self.weight_range,
            guesses=self.guesses,
            screens=self.screens,
        )

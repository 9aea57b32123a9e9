"""Evolution of all weights of a network whose architecture is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from torch import Tensor

from recurra.errors import IncompatibleParts, InvalidOption
from recurra.model import Model
from recurra.task import Task
from recurra.trainer import Trainer

if TYPE_CHECKING:
    from recurra_evolution.module import EvolutionModule
    from recurra_evolution.searches import Search

MOST_WEIGHTS = 5000
"""The covariance of more would not fit."""


class Evolution(Trainer):
    """Try a population of networks on every batch, and go to where they are fit.

        cma-es:     w ~ N(m, σ² C); m, σ and C follow the fitter half
        openai-es:  θ ← Adam(θ, −1/(P σ) Σ rank(F(θ ± σ ε)) (± ε)), ranks from −1/2 to 1/2

    Fitness is minus the loss, or the score of the task's goal, on the batch; in an environment the mean
    return. A batch is one generation, the same for all candidates, and these are shared out among processes.
    Nothing is random while a network runs: dropout and noise are off.

    Works with every cell, differentiable or not, and with environments.
    Source: Hansen and Ostermeier 2001 (by the library `cmaes`); Salimans et al. 2017.
    """

    def __init__(
        self,
        *,
        algorithm: Annotated[
            Literal["cma-es", "openai-es"], Field(description="how candidates are drawn and learned from")
        ] = "cma-es",
        population: Annotated[int, Field(ge=4, description="P, candidates of a generation")] = 64,
        sigma: Annotated[float, Field(gt=0, description="σ, how far they lie from the mean, at first")] = 0.1,
        learning_rate: Annotated[float, Field(gt=0, description="of Adam, in openai-es")] = 0.02,
        fitness: Annotated[
            Literal["loss", "score"], Field(description="minus the loss, or the score of the task's goal")
        ] = "loss",
        champion: Annotated[
            Literal["mean", "best"],
            Field(
                description="what the model is: the mean of candidates, or the fittest of the last generation"
            ),
        ] = "mean",
        at_once: Annotated[int, Field(gt=0, description="candidates side by side in memory")] = 512,
    ) -> None:
        if algorithm == "openai-es" and population % 2:
            raise InvalidOption(f"Evolution: population = {population} must be even for openai-es")
        self.algorithm, self.population, self.sigma = algorithm, population, sigma
        self.learning_rate, self.fitness = learning_rate, fitness
        self.champion, self.at_once = champion, at_once

    def module(self, model: Model, task: Task, seed: int) -> EvolutionModule:
        """Return the Lightning module.

        Raises:
            IncompatibleParts: Nothing learns, or there are too many weights for CMA-ES.
        """
        from recurra_evolution.module import EvolutionModule

        return EvolutionModule(model, task, seed, self)

    def search(self, start: Tensor) -> Search:
        """Return the search, which begins at a vector (n,).

        Raises:
            IncompatibleParts: There are too many weights for CMA-ES.
        """
        from recurra_evolution.searches import CovarianceSearch, GradientSearch

        if self.algorithm == "openai-es":
            return GradientSearch(start, self.population, self.sigma, self.learning_rate)
        if len(start) > MOST_WEIGHTS:
            told = f"cma-es takes {MOST_WEIGHTS} weights at most, and there are {len(start)}"
            raise IncompatibleParts(f"trainer 'evolution': {told}; choose trainer.algorithm=openai-es")
        return CovarianceSearch(start, self.population, self.sigma)

"""Evolution of all weights of a network, and of its structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from recurra import IncompatibleParts, InvalidOption, Network, Task, Topology, Trainer
from recurra_evolution.genetics import Genetics
from recurra_lab import Evolvable, WeightSpace

if TYPE_CHECKING:
    from recurra_evolution.module import EvolutionModule
    from recurra_evolution.searches import Search

MOST_WEIGHTS = 5000
"""The covariance of more would not fit."""
GENETICS = Genetics()


class Evolution(Trainer):
    """Evaluate a population of networks on every batch, and move the search towards the fittest.

        cma-es:     w ~ N(m, σ² C); m, σ and C follow the fitter half
        openai-es:  θ ← Adam(θ, −1/(P σ) Σ rank(F(θ ± σ ε)) (± ε)), ranks from −1/2 to 1/2
        neat:       connections and nodes come and go, weights mutate; similar genomes compete first

    Fitness is minus the loss, or the score of the task's goal, on the batch; in an environment the mean
    return. A batch is one generation, the same for all candidates, and these are shared out among processes.
    Nothing is random while a network runs: dropout and noise are off.

    Works with every cell, differentiable or not, and with environments; neat with models all of whose weights
    are connections of one network that offers `recurra_lab.Evolvable`, such as `neat-network`.
    Source: Hansen and Ostermeier 2001 (by the library `cmaes`); Salimans et al. 2017; Stanley and
    Miikkulainen 2002 (by the library `neat-python`).
    """

    supports_environments = True
    contract_examples = "recurra_evolution.contract:examples"

    def __init__(
        self,
        *,
        algorithm: Annotated[
            Literal["cma-es", "openai-es", "neat"],
            Field(description="search algorithm"),
        ] = "cma-es",
        population: Annotated[int, Field(ge=4, description="P, population size")] = 64,
        sigma: Annotated[
            float,
            Field(gt=0, description="σ, initial standard deviation of the candidates; not used by neat"),
        ] = 0.1,
        learning_rate: Annotated[
            float, Field(gt=0, description="learning rate of Adam, in openai-es")
        ] = 0.02,
        fitness: Annotated[
            Literal["loss", "score"],
            Field(description="fitness: minus the loss, or the score of the task's goal"),
        ] = "loss",
        champion: Annotated[
            Literal["mean", "best"],
            Field(
                description="evaluated model: the mean of the candidates, or the fittest of the last "
                "generation, which it always is in neat"
            ),
        ] = "mean",
        at_once: Annotated[int, Field(gt=0, description="number of candidates evaluated at once")] = 512,
        neat: Annotated[Genetics, Field(description="options of neat")] = GENETICS,
    ) -> None:
        if algorithm == "openai-es" and population % 2:
            raise InvalidOption(f"Evolution: population = {population} must be even for openai-es")
        self.algorithm, self.population, self.sigma = algorithm, population, sigma
        self.learning_rate, self.fitness = learning_rate, fitness
        self.champion, self.at_once, self.neat = champion, at_once, neat

    def lightning_module(self, model: Network, task: Task, seed: int) -> EvolutionModule:
        """Return the Lightning module.

        Raises:
            IncompatibleParts: Nothing learns, or there are too many weights for CMA-ES.
        """
        from recurra_evolution.module import EvolutionModule

        space = WeightSpace(model)
        return EvolutionModule(
            model,
            task,
            seed,
            space=space,
            search=self.search(model, space),
            fitness_by=self.fitness,
            champion=self.champion,
            at_once=self.at_once,
        )

    def search(self, model: Network, space: WeightSpace) -> Search:
        """Return the search, which begins at the weights of a model.

        Raises:
            IncompatibleParts: There are too many weights for CMA-ES, or neat cannot change the structure.
        """
        from recurra_evolution.searches import CovarianceSearch, GradientSearch
        from recurra_evolution.structures import StructureSearch

        start = space.read(model).double().cpu()
        if self.algorithm == "neat":
            return StructureSearch(_room(model, space), start, self.population, self.neat)
        if self.algorithm == "openai-es":
            return GradientSearch(start, self.population, self.sigma, self.learning_rate)
        if len(start) > MOST_WEIGHTS:
            message = f"cma-es takes {MOST_WEIGHTS} weights at most, got {len(start)}"
            raise IncompatibleParts(f"trainer 'evolution': {message}; choose trainer.algorithm=openai-es")
        return CovarianceSearch(start, self.population, self.sigma)


def _room(model: Network, space: WeightSpace) -> Topology:
    """Return where neat may put connections: all that learns must be one network."""
    rooms = [part.topology() for part in model.modules() if isinstance(part, Evolvable)]
    if len(rooms) == 1 and rooms[0].weights.numel() == space.size and rooms[0].weights.requires_grad:
        return rooms[0]
    message = f"{space.size} weights learn, and those of one network that can grow must be all there are"
    wanted = "choose cell=neat-network or cell=evolving-ntm, and model.readout=none"
    raise IncompatibleParts(f"trainer 'evolution': algorithm=neat: {message}; {wanted}")

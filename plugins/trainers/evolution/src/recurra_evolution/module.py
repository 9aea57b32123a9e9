"""The Lightning module of evolution: one generation per batch, its candidates shared out among the ranks."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from recurra import Batch, Network, Task, seed_of
from recurra_evolution.fitness import fitness
from recurra_evolution.searches import Search
from recurra_lab import LearningModule, WeightSpace, evaluation_mode


class EvolutionModule(LearningModule):
    """Asks for candidates, lets all of them do the same batch, and moves the model to where they were fit.

    Args:
        model: The champion: the mean of the candidates, or the fittest of the last generation.
        task: What makes fit.
        seed: The run's seed.
        space: The weights that are searched.
        search: Draws candidates, and learns from their fitness.
        fitness_by: Minus the `loss`, or the `score` of the task's goal.
        champion: The `mean` of the candidates, or the `best` of the last generation.
        at_once: Candidates side by side in memory.
    """

    replicate_batches: ClassVar[bool] = True
    supports_environments: ClassVar[bool] = True

    def __init__(
        self,
        model: Network,
        task: Task,
        seed: int,
        *,
        space: WeightSpace,
        search: Search,
        fitness_by: Literal["loss", "score"],
        champion: Literal["mean", "best"],
        at_once: int,
    ) -> None:
        super().__init__(model, task, seed)
        self.space, self.search, self.automatic_optimization = space, search, False
        self.fitness_by, self.champion, self.at_once = fitness_by, champion, at_once

    def configure_optimizers(self) -> Any:
        """Return nothing: there is no gradient."""
        return None

    @torch.no_grad()
    def training_loss(self, batch: Batch) -> Tensor:
        """Return the champion's loss on a batch (minus its return, in an environment), then find the next."""
        with evaluation_mode(self.model):
            start = self.initial_state_for(batch)
            loss = self._judge(batch, start)
            if torch.isfinite(loss):  # else the run stops here
                self._generation(batch, start)
        return loss

    def _judge(self, batch: Batch, start: Any) -> Tensor:
        loss, scores, state = self.task.evaluate(self.model, batch, start)
        self.record_scores(scores)
        if state is None:  # of an environment
            return loss
        self.carry_over(state, batch)
        own = self.model.sequencer.auxiliary_loss(state)
        return loss if own is None else loss + own.mean()

    def _generation(self, batch: Batch, start: Any) -> None:
        vectors = self.search.ask(seed_of("evolution", self.seed, int(self.batches_seen)))
        found = self._fitness(vectors, batch, start)
        self.search.tell(vectors, found)
        best = self.champion == "best"
        self.space.write(self.model, vectors[found.argmax()] if best else self.search.mean)
        self.log("train/best_fitness", found.max())

    def _fitness(self, vectors: Tensor, batch: Batch, start: Any) -> Tensor:
        """Return the fitness of all candidates, of which this rank tries its share; −∞ of those of NaN."""
        found, none = torch.zeros(len(vectors), dtype=torch.float64), vectors.isnan().any(1)
        vectors = vectors.nan_to_num()
        mine = torch.arange(len(vectors)).tensor_split(self.world_size)[self.rank]
        for rows in torch.split(mine, self.at_once):
            weights = self.space.stacked(vectors[rows].to(next(self.model.parameters())))
            found[rows] = fitness(self.model, self.task, weights, batch, start, self.fitness_by)
        if self.world_size > 1:
            found = self.trainer.strategy.reduce(found.to(self.device), reduce_op="sum").cpu()
        return found.masked_fill(none, -torch.inf)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save what the search knows."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["search"] = self.search.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let the search go on."""
        super().on_load_checkpoint(checkpoint)
        self.search.restore(checkpoint["search"])

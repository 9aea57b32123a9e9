"""The Lightning module of evolution: one generation per batch, its candidates shared out among the ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from recurra import Batch, Environment, Network, Task, seed_of
from recurra_evolution.fitness import fitness
from recurra_lab import LearningModule, WeightSpace, evaluation_mode, play

if TYPE_CHECKING:
    from recurra_evolution.trainer import Evolution


class EvolutionModule(LearningModule):
    """Asks for candidates, lets all of them do the same batch, and moves the model to where they were fit.

    Args:
        model: The champion: the mean of the candidates, or the fittest of the last generation.
        task: What makes fit.
        seed: The run's seed.
        rule: Its options.
    """

    whole_batches: ClassVar[bool] = True
    plays: ClassVar[bool] = True

    def __init__(self, model: Network, task: Task, seed: int, rule: Evolution) -> None:
        super().__init__(model, task, seed)
        self.rule, self.automatic_optimization = rule, False
        self.space = WeightSpace(model)
        self.search = rule.search(model, self.space)

    def configure_optimizers(self) -> Any:
        """Return nothing: there is no gradient."""
        return None

    @torch.no_grad()
    def learn(self, batch: Batch) -> Tensor:
        """Return the champion's loss on a batch (minus its return, in an environment), then find the next."""
        with evaluation_mode(self.model):
            start = self.start(batch)
            loss = self._judge(batch, start)
            if torch.isfinite(loss):  # else the run stops here
                self._generation(batch, start)
        return loss

    def _judge(self, batch: Batch, start: Any) -> Tensor:
        if isinstance(self.task, Environment):
            value = play(self.model, self.task, batch)["return"].value
            self.log("train/return", value, prog_bar=True, sync_dist=True)
            return torch.tensor(-value)
        y, state = self.model(batch.x, start, lengths=batch.lengths)
        self.keep(state, batch)
        self.record(y, batch)
        return self.loss_of(y, state, batch)

    def _generation(self, batch: Batch, start: Any) -> None:
        vectors = self.search.ask(seed_of("evolution", self.seed, int(self.batches_seen)))
        found = self._fitness(vectors, batch, start)
        self.search.tell(vectors, found)
        best = self.rule.champion == "best"
        self.space.write(self.model, vectors[found.argmax()] if best else self.search.mean)
        self.log("train/best_fitness", found.max())

    def _fitness(self, vectors: Tensor, batch: Batch, start: Any) -> Tensor:
        """Return the fitness of all candidates, of which this rank tries its share; −∞ of those of NaN."""
        found, none = torch.zeros(len(vectors), dtype=torch.float64), vectors.isnan().any(1)
        vectors = vectors.nan_to_num()
        mine = torch.arange(len(vectors)).tensor_split(self._ranks)[self.global_rank]
        for rows in torch.split(mine, self.rule.at_once):
            weights = self.space.stacked(vectors[rows].to(next(self.model.parameters())))
            found[rows] = fitness(self.model, self.task, weights, batch, start, self.rule.fitness)
        if self._ranks > 1:
            found = self.trainer.strategy.reduce(found.to(self.device), reduce_op="sum").cpu()
        return found.masked_fill(none, -torch.inf)

    @property
    def _ranks(self) -> int:
        return 1 if self._trainer is None else self.trainer.world_size

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save what the search knows."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["search"] = self.search.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let the search go on."""
        super().on_load_checkpoint(checkpoint)
        self.search.restore(checkpoint["search"])

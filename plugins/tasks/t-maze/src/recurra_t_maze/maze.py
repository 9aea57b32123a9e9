"""The T-maze and the double T-maze as tasks: an agent finds the high reward, and again when it moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Environment, Goal, Task
from recurra_t_maze.deployments import permutations, rounds
from recurra_t_maze.maps import DOUBLE, SINGLE, Map
from recurra_t_maze.side_by_side import LOW, Mazes

SUITE_SWAPS = 3
"""How often the reward moves in the harder variant of the suite."""
SEEDS = 2**31 - 1


class MazeTask(Environment):
    """Deployments to a maze; the score `return`, from 0 to 1, is the fitness of the paper.

    An agent keeps its memory over all rounds of a deployment, and nothing beyond. The deployments of a batch
    go through all pairs (first goal, second goal) in turn, as the paper's evaluation by permutation does: a
    batch as large as there are pairs, or a multiple of it, has each equally often.
    """

    picture: ClassVar[str]
    goal = Goal("return", above=0.999)

    def __init__(self, swaps: int, reward: Literal["logic", "reward"], turn_signal: bool) -> None:
        self.map = Map.drawn(self.picture)
        self.swaps, self.reward, self.turn_signal = swaps, reward, turn_signal
        super().__init__(4 + turn_signal, 3)
        if reward == "reward":
            self.goal = Goal("return", above=self._best() - 0.001)

    def environments(self, count: int) -> Mazes:
        """Return that many mazes side by side."""
        return Mazes(count, self.map, swaps=self.swaps, reward=self.reward, turn_signal=self.turn_signal)

    def actions(self, y: Tensor) -> Any:
        """Steer to where the largest of three outputs says: left, straight on, right."""
        return y.argmax(-1).cpu().numpy()

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw seeds, row by row of the next pair of goals."""
        batch, pairs = super().sample(batch_size, rng), permutations(self.map.ends)
        drawn = batch.target // pairs * pairs + (torch.arange(batch_size) % pairs)[:, None]
        return batch._replace(target=torch.where(drawn < SEEDS, drawn, drawn - pairs))

    def suite(self) -> Mapping[str, Task]:
        """Return the task itself, and the reward moving three times."""
        return {"test": self, f"swaps-{SUITE_SWAPS}": type(self)(**{**self.options, "swaps": SUITE_SWAPS})}

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the score of always taking one action, which turns or crashes, and of the best agent."""
        return {"constant": {"return": 0.0}, "optimal": {"return": self._best()}}

    def _best(self) -> float:
        """Return the mean of the best agent: it looks for the reward in one goal after the other."""
        if self.reward == "logic":
            return 1.0
        goals, played = self.map.ends, rounds(self.map.ends, self.swaps)
        misses = (goals - 1) / 2 + self.swaps * goals / 2
        return 1 - (1 - LOW) * misses / played


class TMaze(MazeTask):
    """A maze with one junction: which arm has the high reward must be remembered, and forgotten.

        #####       A round: go 2 tiles north and 2 to a side, at 0.1 tiles a step.
        G...G       10 rounds with one swap, which comes before round 4 to 7, counted from 0.
        ##.##
        ##S##
        #####

    Shapes: seen at every step (I,) = [walls at −45, 0, 45 degrees, reward, (on a junction)]; y (3,), of which
    the largest steers by −22, 0 or 22 degrees.
    Scores: return, the share of rounds that were sound (`logic`), or the mean of 1 for the high and 0.1 for
    the low reward (`reward`).
    Differs from the paper: sums are kept as floating-point numbers, where its program truncates to integers;
    that the reward is seen as 1 or 0.1, and the steering is followed by the move, is our reading.
    Source: Greve, Jacobsen and Risi 2016, and the authors' program.
    """

    stream = "TMaze"
    picture = SINGLE

    def __init__(
        self,
        *,
        swaps: Annotated[int, Field(ge=0, description="number of times the high reward moves")] = 1,
        reward: Annotated[
            Literal["logic", "reward"],
            Field(description="score of a round: 1 if it was sound (logic), or the reward that was found"),
        ] = "logic",
        turn_signal: Annotated[
            bool, Field(description="add an input that marks tiles with 3 or more ways")
        ] = False,
    ) -> None:
        super().__init__(swaps, reward, turn_signal)


class DoubleTMaze(TMaze):
    """A maze with two junctions on each way, and four goals.

        #########       A round: 2 tiles north, 3 to a side, 2 north or south.
        #G#####G#       20 rounds with one swap, which comes before round 7 to 13, counted from 0.
        #.#####.#
        #.......#
        #.##.##.#
        #G##S##G#
        #########

    Shapes, scores and source: as `t-maze`.
    """

    stream = "DoubleTMaze"
    picture = DOUBLE

"""Many mazes side by side, as one environment of gymnasium; all of them take a step at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from recurra_t_maze.deployments import mixed, rounds, schedule
from recurra_t_maze.logic import Flags, Knowledge, Whole
from recurra_t_maze.maps import Map
from recurra_t_maze.sight import distances

SPEED, TURN = 0.1, 22.0
SENSORS, REACH = (-45.0, 0.0, 45.0), 3
LONGEST, PER_TILE = 100, 20
"""A round ends after so many steps, or so many for each tile that was visited."""
LOW = 0.1
"""The low reward as a share of the high one."""


class Mazes(VectorEnv[Any, Any, Any]):
    """n deployments of an agent to a maze, of several rounds each.

    The agent moves 0.1 tiles a step, and turns by −22, 0 or 22 degrees before (actions 0, 1, 2). A round
    begins at the start, northwards, and ends in a wall, one step after a goal was reached, after 100 steps,
    or when there were 20 steps for each tile that was visited. The high reward moves `swaps` times.

    Observations (n, 4 or 5): distances to the walls at −45, 0 and 45 degrees, cut at 3 tiles and divided by
    3; the reward, for one step, 1 for the high and 0.1 for the low one; 1 on a tile with three ways or more,
    if `turn_signal`. The reward of a deployment sums to between 0 and 1, the paper's fitness.

    Args:
        count: n.
        maze: The map.
        swaps: How often the high reward moves.
        reward: `logic`: a round counts 1 if it was sound to go there; `reward`: 1 or 0.1, what was found.
        turn_signal: Whether tiles with several ways are told.
    """

    def __init__(
        self, count: int, maze: Map, *, swaps: int = 1, reward: str = "logic", turn_signal: bool = False
    ) -> None:
        self.num_envs, self.maze, self.swaps = count, maze, swaps
        self.logical, self.turn_signal = reward == "logic", turn_signal
        self.rounds = rounds(maze.ends, swaps)
        self.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}
        self.single_observation_space = Box(0.0, 1.0, (len(SENSORS) + 1 + turn_signal,), np.float32)
        self.single_action_space = Discrete(3)
        self.observation_space = batch_space(self.single_observation_space, count)
        self.action_space = batch_space(self.single_action_space, count)
        self.seeds = np.zeros(count, np.uint64)
        self.done = np.ones(count, bool)
        self.round = np.zeros(count, np.int64)
        self.high = np.zeros((count, self.rounds), np.int64)
        self.knowledge = Knowledge(count, maze.ends)
        self.x, self.y, self.heading, self.seen = np.zeros((4, count))
        self.steps = np.zeros(count, np.int64)
        self.visited = np.zeros((count, *maze.walls.shape), bool)
        self.arrived = np.zeros(count, bool)

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin a deployment in each: the i-th with the i-th seed, or `seed` + i."""
        if isinstance(seed, int):
            self._np_random, self._np_random_seed = np.random.default_rng(seed), seed
        if seed is None:
            self.seeds = self.np_random.integers(2**31, size=self.num_envs).astype(np.uint64)
        elif isinstance(seed, int):
            self.seeds = np.arange(seed, seed + self.num_envs, dtype=np.uint64)
        else:
            self.seeds = np.asarray(seed, dtype=np.uint64)
        self._deploy(np.ones(self.num_envs, bool))
        return self._observed(), {}

    def step(
        self, actions: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], Flags, Flags, dict[str, Any]]:
        """Act in each; where a deployment has ended, the next one begins instead."""
        again = self.done.copy()
        self.seen[:] = 0
        self._move(np.asarray(actions), ~again)
        score = self._arrive(~again)
        self._end_rounds(~again)
        self.seeds[again] = mixed(self.seeds[again])
        self._deploy(again)
        return self._observed(), score / self.rounds, self.done.copy(), np.zeros_like(self.done), {}

    def _deploy(self, rows: Flags) -> None:
        self.high[rows] = schedule(self.seeds[rows], self.maze.ends, self.swaps)
        self.knowledge.forget(rows)
        self.round[rows], self.done[rows] = 0, False
        self._begin_round(rows)

    def _begin_round(self, rows: Flags) -> None:
        self.x[rows], self.y[rows] = self.maze.start
        self.heading[rows], self.steps[rows], self.seen[rows], self.arrived[rows] = 0, 0, 0, False
        self.visited[rows] = False
        self._visit()

    def _tile(self) -> tuple[Whole, Whole]:
        return self.y.astype(np.int64), self.x.astype(np.int64)

    def _visit(self) -> None:
        self.visited[(np.arange(self.num_envs), *self._tile())] = True

    def _move(self, actions: Whole, rows: Flags) -> None:
        self.leaving = self.arrived.copy()
        self.heading += np.where(rows, (actions - 1) * TURN, 0)
        radians = np.deg2rad(self.heading)
        self.x += np.where(rows, SPEED * np.sin(radians), 0)
        self.y -= np.where(rows, SPEED * np.cos(radians), 0)
        self.steps += rows
        self._visit()

    def _arrive(self, rows: Flags) -> NDArray[np.float64]:
        """Return what those who reach a goal get for it, and let them see the reward."""
        goal = self.maze.goals[self._tile()]
        arrives = rows & (goal >= 0) & ~self.arrived
        high = goal == self.high[np.arange(self.num_envs), np.minimum(self.round, self.rounds - 1)]
        sound = self.knowledge.judge(arrives, goal, high)
        found = np.where(high, 1.0, LOW) * arrives
        self.seen += found
        self.arrived |= arrives
        return sound.astype(np.float64) if self.logical else found

    def _end_rounds(self, rows: Flags) -> None:
        crashed = self.maze.walls[self._tile()]
        late = (self.steps >= LONGEST) | (self.steps >= PER_TILE * self.visited.sum((1, 2)))
        ends = rows & (crashed | late | self.leaving)
        self.round += ends
        self.done = rows & (self.round >= self.rounds)
        self._begin_round(ends & ~self.done)

    def _observed(self) -> NDArray[np.float32]:
        angle = self.heading[:, None] + np.array(SENSORS)
        walls = distances(self.maze.walls, self.x[:, None], self.y[:, None], angle, REACH) / REACH
        parts = [walls, self.seen[:, None]]
        if self.turn_signal:
            parts.append(self.maze.turns[self._tile()][:, None].astype(np.float64))
        return np.concatenate(parts, 1).clip(0, 1).astype(np.float32)

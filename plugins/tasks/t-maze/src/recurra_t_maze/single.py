"""One maze as an ordinary environment of gymnasium; importing this module registers both mazes.

gymnasium.make("recurra_t_maze.single:recurra/TMaze-v0")
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from recurra_t_maze.maps import DOUBLE, SINGLE, Map
from recurra_t_maze.side_by_side import Mazes


class Maze(gymnasium.Env[Any, Any]):
    """One deployment at a time in a maze; see `recurra_t_maze.side_by_side.Mazes`.

    Args:
        picture: The map.
        **options: Those of `Mazes`.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(self, picture: str = SINGLE, **options: Any) -> None:
        self.mazes = Mazes(1, Map.drawn(picture), **options)
        self.observation_space = self.mazes.single_observation_space
        self.action_space = self.mazes.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin a deployment."""
        super().reset(seed=seed)
        own = int(self.np_random.integers(2**31)) if seed is None else seed
        seen, notes = self.mazes.reset(seed=[own])
        return seen[0], notes

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Act."""
        seen, reward, ended, cut, notes = self.mazes.step(np.array([action]))
        return seen[0], float(reward[0]), bool(ended[0]), bool(cut[0]), notes


def _many(num_envs: int = 1, picture: str = SINGLE, **options: Any) -> Mazes:
    return Mazes(num_envs, Map.drawn(picture), **options)


for _name, _picture in {"TMaze": SINGLE, "DoubleTMaze": DOUBLE}.items():
    gymnasium.register(
        f"recurra/{_name}-v0", entry_point=Maze, vector_entry_point=_many, kwargs={"picture": _picture}
    )

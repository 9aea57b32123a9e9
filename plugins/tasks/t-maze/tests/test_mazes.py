"""The mazes follow the paper's rules: maps, sight, rounds, what is sound; and gymnasium's own."""

from typing import ClassVar

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from recurra_t_maze.deployments import permutations, rounds, schedule
from recurra_t_maze.logic import Knowledge
from recurra_t_maze.maps import DOUBLE, SINGLE, Map
from recurra_t_maze.maze import DoubleTMaze, TMaze
from recurra_t_maze.side_by_side import Mazes
from recurra_t_maze.sight import distances
from recurra_t_maze.single import Maze

TASKS = {"t-maze": TMaze, "double-t-maze": DoubleTMaze}


@pytest.mark.parametrize(("picture", "goals", "turns"), [(SINGLE, 2, 1), (DOUBLE, 4, 3)])
def test_maps(picture, goals, turns):
    maze = Map.drawn(picture)
    assert maze.ends == goals
    assert maze.turns.sum() == turns
    assert maze.walls[0].all()
    assert not maze.walls[int(maze.start[1]), int(maze.start[0])]


def test_sight_by_hand():
    maze = Map.drawn(SINGLE)
    x, y = maze.start
    ahead = distances(maze.walls, np.array(x), np.array(y), np.array([-45.0, 0, 45, 90, 180]), 3)
    np.testing.assert_allclose(ahead, [0.5 * 2**0.5, 2.5, 0.5 * 2**0.5, 0.5, 0.5])


def test_sight_is_that_of_small_steps():
    maze, rng = Map.drawn(DOUBLE), np.random.default_rng(0)
    free = np.argwhere(~maze.walls)
    for _ in range(200):
        row, column = free[rng.integers(len(free))] + rng.uniform(0.01, 0.99, 2)
        angle = rng.uniform(-360, 360)
        told = float(distances(maze.walls, np.array(column), np.array(row), np.array(angle), 3))
        far = np.arange(0, 3, 1e-4)
        east, south = np.sin(np.deg2rad(angle)), -np.cos(np.deg2rad(angle))
        rows, columns = (row + far * south).astype(int), (column + far * east).astype(int)
        hit = maze.walls[rows.clip(0, len(maze.walls) - 1), columns.clip(0, maze.walls.shape[1] - 1)]
        assert told == pytest.approx(far[hit.argmax()] if hit.any() else 3, abs=2e-3)


@pytest.mark.parametrize(("goals", "first", "last", "count"), [(2, 4, 7, 10), (4, 7, 13, 20)])
def test_every_pair_of_goals_comes_and_swaps_are_where_the_paper_has_them(goals, first, last, count):
    seeds = np.arange(permutations(goals) * 200, dtype=np.uint64)
    high = schedule(seeds, goals, 1)
    assert high.shape == (len(seeds), count)
    pairs = {(int(a), int(b)) for a, b in zip(high[:, 0], high[:, -1], strict=True)}
    assert len(pairs) == permutations(goals)
    assert all(a != b for a, b in pairs)
    at = (high != high[:, :1]).argmax(1)
    assert set(at.tolist()) == set(range(first, last + 1))


def test_without_a_swap_nothing_moves_and_with_three_it_moves_thrice():
    seeds = np.arange(50, dtype=np.uint64)
    assert (schedule(seeds, 4, 0) == schedule(seeds, 4, 0)[:, :1]).all()
    assert (np.diff(schedule(seeds, 4, 3), axis=1) != 0).sum(1).tolist() == [3] * 50
    assert rounds(4, 3) == 40


def judged(goals, *visits):
    knowledge = Knowledge(1, goals)
    one = np.array([True])
    return [bool(knowledge.judge(one, np.array([g]), np.array([high]))[0]) for g, high in visits]


def test_what_is_sound():
    assert judged(2, (0, False), (1, True), (1, True)) == [True, True, True]
    assert judged(2, (0, False), (0, False), (1, True)) == [True, False, True]
    # The reward moves away from where it was known to be: one miss is sound, a second is not.
    assert judged(4, (0, True), (0, False), (0, False), (1, False), (2, True)) == [
        True,
        True,
        False,
        True,
        True,
    ]
    # Going elsewhere is unsound, even where the reward happens to be; and that is learned.
    assert judged(2, (0, True), (1, True), (1, True)) == [True, False, True]
    # All were tried while it moved among them: then all may be tried again.
    assert judged(2, (0, False), (1, False), (0, True)) == [True, True, True]


class Driver:
    """Steers to the middle of tile after tile on the way to a goal, and chooses goals as one should."""

    WAYS: ClassVar = {2: {0: "NW", 1: "NE"}, 4: {0: "NWN", 1: "NEN", 2: "NWS", 3: "NES"}}

    def __init__(self, mazes, choose):
        self.mazes, self.choose = mazes, choose

    def corners(self, goal):
        x, y = self.mazes.maze.start
        column, row = np.argwhere((self.mazes.maze.goals == goal).T)[0]
        junction = y - 2
        return [(x, junction), (column + 0.5, junction), (column + 0.5, row + 0.5)]

    def action(self, i):
        m = self.mazes
        if m.steps[i] == 0:
            self.left = self.corners(self.choose(m, i))
        here = np.array([m.x[i], m.y[i]])
        while len(self.left) > 1 and np.abs(here - self.left[0]).max() < 0.12:
            self.left.pop(0)
        dx, dy = np.array(self.left[0]) - here
        off = (np.rad2deg(np.arctan2(dx, -dy)) - m.heading[i] + 180) % 360 - 180
        return 1 if abs(off) < 11 else 2 if off > 0 else 0


def sensible(m, i):
    known = m.knowledge.known[i]
    fresh = np.flatnonzero(~m.knowledge.tried[i])
    return int(known) if known >= 0 else int(fresh[0]) if len(fresh) else 0


def played(task, choose, batch):
    """Return each episode's sum of rewards, of one maze after the other."""
    sums = []
    for seed in batch.target[:, 0].tolist():
        mazes = task.environments(1)
        driver = Driver(mazes, choose)
        mazes.reset(seed=[seed])
        total, ended = 0.0, False
        while not ended:
            _, reward, done, _, _ = mazes.step(np.array([driver.action(0)]))
            total, ended = total + float(reward[0]), bool(done[0])
        sums.append(total)
    return sums


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("reward", ["logic", "reward"])
def test_a_sensible_driver_gets_what_the_optimal_reference_says(name, reward):
    task = TASKS[name](reward=reward)
    batch = task.batch(0, batch_size=permutations(task.map.ends), seed=0, split="test")
    mean = float(np.mean(played(task, sensible, batch)))
    assert mean == pytest.approx(task.baselines()["optimal"]["return"], abs=1e-9)
    assert task.goal.met(mean)


def test_always_the_same_arm_by_hand():
    # The swap is before round s. Reward in arm 0 first: rounds 0 to s are sound. In arm 1 first: round 0 is,
    # then none until the reward is found by a repeated mistake in round s, and all after it.
    task = TMaze()
    seeds = torch.arange(8)[:, None]
    batch = task.batch(0, batch_size=8, seed=0, split="test")._replace(target=seeds)
    high = schedule(seeds[:, 0].numpy().astype(np.uint64), 2, 1)
    at = (high != high[:, :1]).argmax(1)
    due = [(s + 1 if first == 0 else 1 + 10 - s - 1) / 10 for s, first in zip(at, high[:, 0], strict=True)]
    assert played(task, lambda m, i: 0, batch) == pytest.approx(due)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("action", range(3))
def test_one_action_for_ever_gets_nothing(name, action):
    task = TASKS[name]()
    y = torch.nn.functional.one_hot(torch.full((6,), action), 3).float()
    assert task.play(lambda seen, state: (y, state), None, range(6)).tolist() == [0.0] * 6


def test_straight_on_a_round_is_2_5_tiles_long():
    mazes = Mazes(1, Map.drawn(SINGLE))
    mazes.reset(seed=[0])
    for step in range(1, 27):  # noqa: B007, it is read after the loop
        mazes.step(np.array([1]))
        if mazes.round[0]:
            break
    assert step in (25, 26)  # 25 steps of 0.1 lead to the very edge of the wall
    assert (mazes.x[0], mazes.y[0]) == mazes.maze.start


def test_a_circle_over_two_tiles_ends_after_40_steps():
    mazes = Mazes(1, Map.drawn(SINGLE))
    mazes.reset(seed=[0])
    for step in range(1, 101):
        mazes.step(np.array([0 if step <= 3 else 2]))
        if mazes.round[0]:
            break
    assert step == 40


def test_the_reward_is_seen_for_one_step_and_the_round_ends_with_it():
    mazes = Mazes(1, Map.drawn(SINGLE), turn_signal=True)
    driver = Driver(mazes, lambda m, i: int(m.high[0, 0]))
    seen, _ = mazes.reset(seed=[3])
    assert seen.shape == (1, 5)
    told, at_junction = [], []
    while not mazes.round[0]:
        seen, *_ = mazes.step(np.array([driver.action(0)]))
        told.append(float(seen[0, 3]))
        at_junction.append(float(seen[0, 4]))
    assert told == [0.0] * (len(told) - 2) + [1.0, 0.0]
    assert 5 <= sum(at_junction) <= 15


@pytest.mark.parametrize("name", TASKS)
def test_side_by_side_is_one_after_the_other(name):
    task = TASKS[name](turn_signal=True)
    actions = np.random.default_rng(0).choice(3, (400, 6), p=[0.15, 0.7, 0.15])
    together, alone = task.environments(6), [task.environments(1) for _ in range(6)]
    together.reset(seed=list(range(6)))
    for i, env in enumerate(alone):
        env.reset(seed=[i])
    for row in actions:
        seen, reward, ended, *_ = together.step(row)
        for i, env in enumerate(alone):
            one = env.step(row[i : i + 1])
            np.testing.assert_array_equal(one[0][0], seen[i])
            assert (one[1][0], one[2][0]) == (reward[i], ended[i])


@pytest.mark.parametrize("options", [{}, {"picture": DOUBLE, "turn_signal": True}])
def test_gymnasium_takes_it(options):
    check_env(Maze(**options), skip_render_check=True)


def test_it_is_registered():
    env = gymnasium.make("recurra_t_maze.single:recurra/DoubleTMaze-v0")
    assert env.reset(seed=0)[0].shape == (4,)
    many = gymnasium.make_vec("recurra/TMaze-v0", num_envs=3, vectorization_mode="vector_entry_point")
    assert many.reset(seed=0)[0].shape == (3, 4)

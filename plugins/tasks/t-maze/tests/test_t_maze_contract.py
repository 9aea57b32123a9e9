"""The tasks keep the contract of tasks."""

from recurra_contract import contract

FORMS = {
    "rewards": {"reward": "reward", "turn_signal": True},
    "no swap": {"swaps": 0},
}


@contract("task", "t-maze")
def test_t_maze(check):
    check()


@contract("task", "t-maze", FORMS)
def test_t_maze_in_other_forms(check):
    check()


@contract("task", "double-t-maze")
def test_double_t_maze(check):
    check()


@contract("task", "entm-copy")
def test_entm_copy(check):
    check()

"""What is no tree, or cannot be read, is refused in one sentence; a single step turns it into NaN."""

import json
import re
from pathlib import Path

import pytest
import torch

from recurra import IncompatibleParts, InvalidInput, InvalidOption
from recurra.config.options import keyword_options
from recurra_recursive.recursive import RecursiveNetwork
from recurra_recursive.rntn import RNTN
from recurra_recursive.tree_lstm import TreeLSTM


def one_tree(arities):
    x = torch.zeros(2, len(arities), 3)
    x[1, :, -1] = torch.tensor(arities, dtype=torch.float32)
    return x


CELL = {
    "recursive": lambda: RecursiveNetwork(3, hidden_size=2, stack_size=3),
    "tree-lstm": lambda: TreeLSTM(3, hidden_size=2, children=3, stack_size=3),
    "unbounded": lambda: TreeLSTM(3, hidden_size=2, stack_size=3),
}
BROKEN = [
    (
        "recursive",
        [0, 0.5, 0],
        "RecursiveNetwork: at x[1, 1] the last channel, the number of children, is 0.5",
    ),
    ("recursive", [0, -1, 0], "RecursiveNetwork: at x[1, 1] the last channel, the number of children, is -1"),
    ("recursive", [float("nan"), 0, 0], "at x[1, 0] the last channel, the number of children, is nan"),
    ("recursive", [0, float("inf"), 0], "at x[1, 1] the last channel, the number of children, is inf"),
    ("recursive", [0, 1, 0], "at x[1, 1] a node has 1 children; it can have 2, or none as a leaf"),
    ("recursive", [0, 2, 0], "at x[1, 1] a node has 2 children, but 1 of those before it wait for a parent"),
    ("tree-lstm", [0, 0, 3], "at x[1, 2] a node has 3 children, but 2 of those before it wait for a parent"),
    ("tree-lstm", [0, 0, 4], "at x[1, 2] a node has 4 children; it can have 1 to 3, or none as a leaf"),
]


@pytest.mark.parametrize(("cell", "arities", "told"), BROKEN)
def test_what_is_no_tree_is_refused(cell, arities, told):
    with pytest.raises(InvalidInput, match=re.escape(told)):
        CELL[cell]()(one_tree(arities))


@pytest.mark.parametrize(("cell", "arities", "told"), BROKEN)
def test_a_step_that_is_no_trees_gives_nan_in_its_row_alone(cell, arities, told):
    cell, x = CELL[cell](), one_tree(arities)
    state = cell.initial_state(2)
    bad = int(re.search(r"x\[1, (\d)\]", told).group(1))
    for t in range(bad + 1):
        y, state = cell.step(x[:, t], state)
        assert y.isfinite().all(1).tolist() == [True, t < bad]


@pytest.mark.parametrize("cell", ["recursive", "unbounded"])
def test_a_full_stack_is_refused(cell):
    cell, told = CELL[cell](), "4 nodes wait for a parent, more than stack_size = 3; choose a larger one"
    x = torch.zeros(1, 4, 3)
    with pytest.raises(InvalidInput, match=re.escape(f"at x[0, 3] {told}")):
        cell(x)
    _, state = cell(x[:, :3])
    with pytest.raises(InvalidInput, match=re.escape(f"at x[0, 0] {told}")):
        cell(x[:, 3:], state)
    y, state = cell.step(x[:, 3], state)
    assert y.isnan().all()
    assert state.waiting.tolist() == [3]


def test_what_is_past_the_end_of_a_row_may_be_anything():
    x = one_tree([0, 7, float("nan")])
    y, state = CELL["recursive"]()(x, lengths=torch.tensor([3, 1]))
    assert not y[1, 1:].any()
    assert state.waiting.tolist() == [3, 1]


def test_any_number_of_children_may_be_summed_up_to_the_places_of_the_stack():
    y, state = CELL["unbounded"]()(one_tree([0, 0, 0, 3])[1:])
    assert y.shape == (1, 4, 2)
    assert state.waiting.tolist() == [1]


@pytest.mark.parametrize(
    ("kind", "options", "error", "told"),
    [
        (RecursiveNetwork, {"function": "relu"}, InvalidOption, "RecursiveNetwork: function = 'relu': "),
        (
            RNTN,
            {"leaf": "copied", "hidden_size": 5},
            InvalidOption,
            "leaf = 'copied' needs hidden_size = 2, ",
        ),
        (RNTN, {"stack_size": 0}, InvalidOption, "RNTN: stack_size = 0: "),
        (TreeLSTM, {"variant": "binary"}, InvalidOption, "TreeLSTM: variant = 'binary': "),
        (TreeLSTM, {"children": 0}, InvalidOption, "TreeLSTM: children = 0: "),
    ],
)
def test_wrong_options_are_refused_by_name(kind, options, error, told):
    with pytest.raises(error, match=re.escape(told)):
        kind(3, **options)


def test_there_must_be_features_beside_the_arity():
    with pytest.raises(IncompatibleParts, match="TreeLSTM: input_size = 1 leaves no features"):
        TreeLSTM(1)


def test_a_cell_without_scoring_has_no_score():
    with pytest.raises(InvalidOption, match="RNTN: to score nodes, make the cell with scoring = True"):
        RNTN(3).score(torch.zeros(1, 30))


def test_views_show_the_latest_node_and_the_stack():
    cell = CELL["tree-lstm"]()
    assert not cell.diagnostics(cell.initial_state(1))["latest node"].any()
    y, state = cell(one_tree([0, 0, 0, 2])[1:])
    views = cell.diagnostics(state)
    assert torch.equal(views["latest node"], y[:, -1])
    assert views["stack"].tolist() == [[1, 1, 0]]


def test_start():
    torch.manual_seed(0)
    cell = RNTN(41, hidden_size=10, scoring=True)
    assert 0.9 / 40 < cell.V.abs().max() <= 1 / 40
    assert not cell.W_sem.bias.any()
    bound = (6 / 50) ** 0.5
    assert 0.9 * bound < cell.W_sem.weight.abs().max() <= bound
    lstm = TreeLSTM(41, hidden_size=10)
    assert not lstm.from_x.bias.any()
    assert 0.9 * bound < lstm.from_x.weight.abs().max() <= bound
    scores = RecursiveNetwork(3, hidden_size=400, scoring=True).W_score
    assert 0.85 < scores.std() * 20 < 1.15


def test_the_readme_names_every_option_and_its_code_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    for component in (RecursiveNetwork, RNTN, TreeLSTM):
        for option, (_, default) in keyword_options(component).items():
            shown = "none" if default is None else json.dumps(default).strip('"')
            assert re.search(rf"^\| `{option}` \|.*`?{re.escape(shown)}`?.*\|", text, re.MULTILINE), option
    made = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, made)

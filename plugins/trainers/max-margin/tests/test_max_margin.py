"""Structured max-margin: the loss by hand, right and violating trees, labels of nodes, refusals."""

import itertools

import pytest
import torch

from recurra import Batch, GeneratedTask, Goal, GraphTask, IncompatibleParts, Score
from recurra.plugins.registry import load
from recurra_contract import ToyTask
from recurra_contract.harness import CellOf, PlainCell, fit, model_of
from recurra_lab import LBFGS, Adam, make_model
from recurra_lab.training.forests import forest, graph_of, most_certain, parsed
from recurra_max_margin.module import ONLY_RIGHT, wrong_nodes
from recurra_max_margin.trainer import MaxMargin

FEATURES, ROOM = 3, 6


class Chain(GraphTask, GeneratedTask):
    """Leaves in a row, each the neighbour of the next; the first half is of class 0, the rest of class 1."""

    stream = "Chain"
    goal = Goal("accuracy", above=0.9)
    features = FEATURES
    input_kind = "graphs"

    def __init__(self, leaves=4):
        super().__init__(FEATURES + ROOM, 2)
        self.leaves = leaves

    def sample(self, batch_size, rng):
        n = self.leaves
        adjacency = torch.zeros(batch_size, n, ROOM)
        for i, j in itertools.pairwise(range(n)):
            adjacency[:, i, j] = adjacency[:, j, i] = 1
        kind = (torch.arange(n) >= n // 2).long().expand(batch_size, -1)
        look = torch.randn(batch_size, n, FEATURES, generator=rng) + 2 * kind[..., None]
        mask = torch.ones(batch_size, n, dtype=torch.bool)
        return Batch(torch.cat([look, adjacency], -1), kind, mask, mask.sum(1))

    def classes(self, batch):
        return batch.target

    def region_of(self, batch):
        return torch.where(batch.target == 0, 0, self.leaves // 2)

    def loss(self, y, batch):
        return torch.nn.functional.cross_entropy(y[batch.mask], batch.target[batch.mask])

    def scores(self, y, batch):
        right = (y.argmax(-1) == batch.target)[batch.mask]
        return {"accuracy": Score(float(right.sum()), right.numel())}


def recursive(input_size):
    return load("cell", "recursive")(input_size, hidden_size=5, scoring=True, function="tanh")


class Cell:
    name = "recursive"

    def build(self, *wiring):
        return recursive(*wiring)


def module(task=None, **options):
    torch.manual_seed(0)
    task = task or Chain()
    made = MaxMargin(**options).lightning_module(make_model(task, Cell()), task, 0)
    made.log = lambda *args, **kwargs: None
    return made, task.batch(0, batch_size=3, seed=0, split="train")


def all_trees(nodes):
    """Every way to merge neighbours in a row into one, as a list of the leaves below each merge."""
    if len(nodes) == 1:
        yield []
        return
    for i in range(len(nodes) - 1):
        joined = nodes[i] + nodes[i + 1]
        for rest in all_trees([*nodes[:i], joined, *nodes[i + 2 :]]):
            yield [joined, *rest]


def is_wrong(leaves, regions):
    touched = {regions[leaf] for leaf in leaves}
    partial = any(any(r == t and i not in leaves for i, r in enumerate(regions)) for t in touched)
    return len(touched) > 1 and partial


def test_wrong_nodes_are_those_that_mix_regions_before_they_are_complete():
    made, batch = module()
    regions = made.task.region_of(batch)
    for kappa in (ONLY_RIGHT, 0.0, 5.0):
        trees = parsed(made.model.sequencer, batch.x, batch.lengths, FEATURES, regions, kappa)
        found = forest(trees, batch.x, batch.lengths, FEATURES)
        for row, tree in enumerate(trees):
            spans = [set(below.nonzero().flatten().tolist()) for below in tree.members]
            by_hand = sum(is_wrong(span, regions[row].tolist()) for span in spans)
            assert wrong_nodes(found, regions)[row].sum() == by_hand
            assert by_hand == 0 or kappa != ONLY_RIGHT


def test_the_loss_is_that_of_the_paper():
    made, batch = module(labels=0.0, weight_penalty=0.02, kappa=0.3)
    cell, regions = made.model.sequencer, made.task.region_of(batch)
    margins = []
    for row, nodes in enumerate(batch.lengths.tolist()):
        features, adjacency = graph_of(batch.x, row, nodes, FEATURES)
        violating = cell.parse(features, adjacency, regions[row], 0.3)
        right = cell.parse(features, adjacency, regions[row], ONLY_RIGHT)
        # `total` has κ for each wrong node in it already, and a right tree has none.
        margins.append((violating.total - right.total).clamp(min=0))
    squares = sum(weight.square().sum() for weight in made.model.parameters())
    torch.testing.assert_close(made.training_loss(batch), torch.stack(margins).mean() + 0.01 * squares)


def test_greedy_right_trees_are_right_and_never_score_above_the_best():
    made, batch = module()
    cell, regions = made.model.sequencer, made.task.region_of(batch)
    features, adjacency = graph_of(batch.x, 0, 4, FEATURES)
    right = cell.parse(features, adjacency, regions[0], ONLY_RIGHT)
    valid = [t for t in all_trees([(0,), (1,), (2,), (3,)]) if not any(is_wrong(n, regions[0]) for n in t)]
    spans = {frozenset(below.nonzero().flatten().tolist()) for below in right.members}
    assert spans in [{frozenset(node) for node in tree} for tree in valid]


def test_nodes_learn_the_shares_of_their_classes():
    made, _ = module()
    below = torch.tensor([[[True, False], [False, True], [True, True], [False, False]]])
    logits = torch.zeros(1, 4, 2)
    logits[0, 0] = torch.tensor([1.0, 0.0])
    log_p = torch.log_softmax(torch.tensor([1.0, 0.0]), 0)[0]
    # Leaf 0 is of class 0; leaf 1, of class 1, and their parent, half and half, are undecided: ln 2 each.
    expected = (-log_p + 2 * torch.log(torch.tensor(2.0))) / 3
    torch.testing.assert_close(made._label_loss(logits, below, torch.tensor([[0, 1]])), expected)


def test_each_leaf_takes_the_answer_of_the_most_certain_node_above_it():
    below = torch.tensor([[[True, False, False], [False, True, False], [True, True, False]]])
    logits = torch.tensor([[[0.0, 3.0], [0.1, 0.0], [2.0, 0.0]]])
    assert most_certain(logits, below).tolist() == [[[0.0, 3.0], [2.0, 0.0], [0.0, 0.0]]]


def test_partial_trees_are_compared_where_they_differ_most():
    made, _ = module(violation="largest")
    ahead = torch.tensor([[2.0, -1.0, -3.0], [-1.0, -1.0, -1.0]])
    right = torch.zeros(2, 3)
    # 2, 1, -2 so far in the first row, and never above zero in the second.
    assert float(made._margin(torch.cat([ahead, right]), 2)) == 1.0
    whole, _ = module()
    assert float(whole._margin(torch.cat([ahead, right]), 2)) == 0.0


@pytest.mark.parametrize("violation", ["whole", "largest"])
@pytest.mark.parametrize("optimizer", [Adam(lr=0.02), LBFGS(max_iter=3)], ids=["Adam", "L-BFGS"])
def test_it_learns_right_trees_and_labels(optimizer, violation):
    options = {"optimizer": optimizer, "kappa": 0.2, "violation": violation}
    made, _ = module(**options)
    test = made.task.batch(0, batch_size=64, seed=1, split="test")

    def judged():
        with torch.no_grad():
            y, _ = made.model(test.x, lengths=test.lengths)
            trees = parsed(made.model.sequencer, test.x, test.lengths, FEATURES)
            found = forest(trees, test.x, test.lengths, FEATURES)
        wrong = wrong_nodes(found, made.task.region_of(test)).sum(1).mean()
        return made.task.scores(y, test)["accuracy"].value, float(wrong)

    before = judged()
    del made.log
    fit(lambda: MaxMargin(**options), made, 40)
    after = judged()
    assert after[0] > 0.75 > before[0]  # half would be chance
    if violation == "largest":  # whole trees may score right and still not be what a greedy search finds
        assert after[1] < before[1]


def test_a_task_without_graphs_is_refused():
    with pytest.raises(
        IncompatibleParts, match="a task that provides graphs, but 'ToyTask' provides vectors"
    ):
        MaxMargin().lightning_module(model_of(ToyTask(), PlainCell), ToyTask(), 0)


def test_a_cell_that_finds_no_trees_is_refused():
    with pytest.raises(IncompatibleParts, match="choose a cell that reads trees"):
        make_model(Chain(), CellOf(PlainCell))
    with pytest.raises(IncompatibleParts, match=r"cannot parse the graphs .*; choose cell=recursive"):
        make_model(Chain(), Cell(), learned_initial_state=True)

"""Trees that are found, against every tree there is and against searches in plain Python."""

import itertools
import math
import re

import pytest
import torch

from recurra import InvalidInput, InvalidOption
from recurra_recursive.chart import chart
from recurra_recursive.found import as_batch, grown
from recurra_recursive.greedy import greedy_graph, greedy_sequence
from recurra_recursive.margin import mixed_regions, same_label, wrong_spans
from recurra_recursive.recursive import RecursiveNetwork
from recurra_recursive.rntn import RNTN
from recurra_recursive.tree_lstm import TreeLSTM

F, H = 3, 5
KINDS = [RecursiveNetwork, RNTN, TreeLSTM]


def made(kind, seed=0, scale=1.0):
    torch.manual_seed(seed)
    cell = kind(F + 1, hidden_size=H, scoring=True).double()
    for p in cell.parameters():
        torch.nn.init.normal_(p, std=scale)
    return cell


def leaves_of(cell, n, seed=0):
    features = torch.randn(n, F, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return features, cell.leaf(features)


def trees(first, last):
    """Yield every binary tree over leaves first to last, as nested pairs."""
    if first == last:
        yield first
    for middle in range(first, last):
        yield from itertools.product(trees(first, middle), trees(middle + 1, last))


def value(cell, leaves, tree, penalty=None):
    """Return the vector of a nested tree, its total and its leaves, one node at a time."""
    if isinstance(tree, int):
        return leaves[tree], 0.0, {tree}
    (left, a, below), (right, b, beside) = (value(cell, leaves, part, penalty) for part in tree)
    node = cell.merge(left[None], right[None])[0]
    score, below = cell.score(node).item(), below | beside
    if penalty is not None:
        score += penalty(torch.tensor([[leaf in below for leaf in range(len(leaves))]])).item()
    return node, a + b + score, below


def nested(found):
    parts = list(range(len(found.merges) + 1))
    for left, right in found.merges:
        parts.append((parts[left], parts[right]))
    return parts[-1]


class SpanOnly(RecursiveNetwork):
    """The vector of a node is a function of its leaves alone, whatever the tree, and so is its score."""

    def __init__(self, input_size, *, hidden_size: int = H, scoring: bool = True):
        super().__init__(input_size, hidden_size=hidden_size, scoring=scoring)

    def merge(self, left, right):
        return left + right

    def score(self, nodes):
        return (7 * nodes @ self.W_score).sin()


def test_catalan():
    assert [len(list(trees(0, n - 1))) for n in range(1, 8)] == [
        math.comb(2 * n, n) // (n + 1) for n in range(7)
    ]


@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("seed", range(3))
def test_a_chart_finds_the_best_of_all_trees_where_scores_depend_on_spans(n, seed):
    cell = made(SpanOnly, seed)
    _, leaves = leaves_of(cell, n, seed)
    found = chart(cell, leaves)
    best = max(trees(0, n - 1), key=lambda tree: value(cell, leaves, tree)[1])
    assert nested(found) == best
    assert found.total.item() == pytest.approx(value(cell, leaves, best)[1])


@pytest.mark.parametrize(("n", "beam"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 5), (6, 14)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_that_keeps_every_tree_of_a_span_finds_the_best(kind, n, beam):
    cell = made(kind, seed=n)
    _, leaves = leaves_of(cell, n)
    best = max(trees(0, n - 1), key=lambda tree: value(cell, leaves, tree)[1])
    assert nested(chart(cell, leaves, beam=beam)) == best


def test_a_narrow_chart_may_miss_the_best_and_a_wider_one_finds_it():
    missed = 0
    for seed in range(20):
        cell = made(RecursiveNetwork, seed, scale=4.0)
        _, leaves = leaves_of(cell, 5, seed)
        best = max(value(cell, leaves, tree)[1] for tree in trees(0, 4))
        narrow, wide = (chart(cell, leaves, beam=beam).total.item() for beam in (1, 5))
        assert wide == pytest.approx(best)
        assert narrow <= best + 1e-9
        missed += narrow < best - 1e-6
    assert missed > 0


def naive_greedy(cell, leaves, neighbours, penalty):
    """Merge the best of a set of ordered pairs of nested trees, scoring all of them anew each time."""
    pairs, parts = set(neighbours), set(range(len(leaves)))

    def gain(pair):
        whole = value(cell, leaves, pair, penalty)[1]
        return whole - sum(value(cell, leaves, part, penalty)[1] for part in pair)

    while len(parts) > 1:
        best = max(sorted(pairs, key=str), key=gain)
        parts = (parts - set(best)) | {best}
        renamed = {tuple(best if part in best else part for part in pair) for pair in pairs}
        pairs = {pair for pair in renamed if pair[0] != pair[1]}
    return parts.pop()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 5, 7])
def test_greedy_over_a_sequence(kind, n):
    cell = made(kind, seed=n)
    _, leaves = leaves_of(cell, n)
    found = greedy_sequence(cell, leaves)
    assert nested(found) == naive_greedy(cell, leaves, [(i, i + 1) for i in range(n - 1)], None)
    assert found.total.item() == pytest.approx(value(cell, leaves, nested(found))[1])


@pytest.mark.parametrize("seed", range(4))
def test_greedy_over_a_graph_tries_both_orders_and_inherits_neighbours(seed):
    cell = made(RNTN, seed)
    _, leaves = leaves_of(cell, 6, seed)
    ring = [(i, (i + 1) % 6) for i in range(6)] + [(0, 3)]
    adjacency = torch.zeros(6, 6, dtype=torch.bool)
    for i, j in ring:
        adjacency[i, j] = adjacency[j, i] = True
    penalty = mixed_regions(torch.tensor([0, 0, 1, 1, 1, 0]), kappa=0.7)
    both = ring + [(j, i) for i, j in ring]
    assert nested(greedy_graph(cell, leaves, adjacency)) == naive_greedy(cell, leaves, both, None)
    augmented = greedy_graph(cell, leaves, adjacency, penalty)
    assert nested(augmented) == naive_greedy(cell, leaves, both, penalty)


def test_what_was_found_is_what_a_cell_reads():
    for kind in KINDS:
        cell = made(kind)
        sizes = (1, 2, 6, 4)
        features, leaves = zip(*(leaves_of(cell, n, seed=n) for n in sizes), strict=True)
        found = [chart(cell, part) for part in leaves]
        x, lengths = as_batch(found, features)
        assert lengths.tolist() == [2 * n - 1 for n in sizes]
        y, _ = cell(x, lengths=lengths)
        for row, tree in enumerate(found):
            order, n = tree.post_order, len(tree.merges) + 1
            torch.testing.assert_close(y[row, : lengths[row]], tree.nodes[order][:, :H])
            assert sorted(order) == list(range(2 * n - 1))
            assert [x[row, t, -1].item() for t in range(len(order))] == tree.arities
            scored = cell.score(y[row, : lengths[row]])[torch.tensor(tree.arities) == 2].sum()
            torch.testing.assert_close(scored, tree.total)


def test_a_tree_is_read_from_left_to_right():
    cell = made(RecursiveNetwork)
    _, leaves = leaves_of(cell, 4)
    tree = grown(cell, leaves, [(1, 2), (0, 4), (5, 3)])
    assert tree.post_order == [0, 1, 2, 4, 5, 3, 6]
    assert tree.arities == [0, 0, 0, 2, 2, 0, 2]
    assert tree.members.tolist() == [
        [False, True, True, False],
        [True, True, True, False],
        [True, True, True, True],
    ]


@pytest.mark.parametrize("search", [chart, greedy_sequence])
def test_the_gradient_of_the_total_is_that_of_the_tree_that_was_chosen(search):
    cell = made(TreeLSTM)
    features, _ = leaves_of(cell, 5)
    features.requires_grad_()
    found = search(cell, cell.leaf(features))
    assert torch.equal(found.total, found.scores.sum())
    sources = [features, *cell.parameters()]
    got = torch.autograd.grad(found.total, sources)
    stack = []
    for node, arity in zip(found.post_order, found.arities, strict=True):  # by hand, along that tree
        if arity:
            right, left = stack.pop(), stack.pop()
            node, total = cell.merge(left[0], right[0]), left[1] + right[1]
            stack.append((node, total + cell.score(node)[0]))
        else:
            stack.append((cell.leaf(features[node][None]), 0.0))
    for a, b in zip(got, torch.autograd.grad(stack[0][1], sources), strict=True):
        assert b.abs().max() > 0
        torch.testing.assert_close(a, b)


def test_a_margin_pushes_the_search_off_the_right_tree():
    cell = made(SpanOnly, seed=1)
    _, leaves = leaves_of(cell, 6)
    plain = chart(cell, leaves)
    kept, lost = (chart(cell, leaves, wrong_spans(plain.merges, kappa)) for kappa in (-100.0, 100.0))
    assert kept.merges == plain.merges
    torch.testing.assert_close(kept.total, plain.total)
    common = {tuple(row) for row in lost.members.tolist()} & {tuple(row) for row in plain.members.tolist()}
    assert len(common) == 1  # the root, which every tree has
    assert lost.total.item() == pytest.approx(400 + value(cell, leaves, nested(lost))[1])
    best = max(value(cell, leaves, tree, wrong_spans(plain.merges, 0.3))[1] for tree in trees(0, 5))
    assert chart(cell, leaves, wrong_spans(plain.merges, 0.3)).total.item() == pytest.approx(best)


def test_regions_must_be_complete_before_they_are_mixed():
    neighbours = torch.tensor([[0, 1], [1, 2], [2, 3], [3, 4]])
    adjacency = torch.zeros(5, 5, dtype=torch.bool)
    adjacency[neighbours[:, 0], neighbours[:, 1]] = True
    regions = same_label(adjacency, torch.tensor([4, 4, 9, 9, 4]))
    assert regions.tolist() == [0, 0, 1, 1, 2]  # the last has the label of the first two, but is no neighbour
    below = torch.tensor(
        [
            [1, 1, 0, 0, 0],  # a region
            [1, 0, 0, 0, 0],  # a part of one
            [0, 1, 1, 0, 0],  # parts of two
            [1, 1, 1, 0, 0],  # one, and a part of another
            [1, 1, 1, 1, 0],  # two
            [1, 1, 1, 1, 1],
        ]
    ).bool()
    charged = mixed_regions(regions)(below)
    torch.testing.assert_close(charged, torch.tensor([0, 0, 0.05, 0.05, 0, 0]).double())


def test_regions_reach_along_long_paths():
    n = 33
    path = torch.ones(n - 1).diag(1) > 0
    assert same_label(path, torch.zeros(n)).tolist() == [0] * n


MERGES = "merges must use each node of a tree over 3 leaves once, got "


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda c, x: chart(c, x[0]), InvalidInput, "leaves must be (n, 5) with n >= 1, as RecursiveNetwork"),
        (lambda c, x: chart(c, x[:0]), InvalidInput, "leaves must be (n, 5)"),
        (lambda c, x: greedy_sequence(c, x[:, :4]), InvalidInput, "leaves must be (n, 5)"),
        (lambda c, x: chart(c, x, beam=0), InvalidOption, "chart: beam = 0: at least one tree"),
        (
            lambda c, x: greedy_graph(c, x, torch.ones(3, 3)),
            InvalidInput,
            "adjacency must be (3, 3) of torch.bool",
        ),
        (lambda c, x: greedy_graph(c, x, torch.eye(3) > 0), InvalidInput, "not all leaves are connected"),
        (lambda c, x: grown(c, x, [(0, 1)]), InvalidInput, MERGES),
        (lambda c, x: grown(c, x, [(0, 3), (1, 2)]), InvalidInput, MERGES),
        (lambda c, x: grown(c, x, [(0, 1), (1, 2)]), InvalidInput, MERGES),
        (lambda c, x: chart(RecursiveNetwork(4, hidden_size=5), x.float()), InvalidOption, "scoring = True"),
    ],
)
def test_mistakes_are_refused(call, error, told):
    cell = made(RecursiveNetwork)
    with pytest.raises(error, match=re.escape(told)):
        call(cell, leaves_of(cell, 3)[1])

"""Reading a batch height by height equals stepping through it, for any trees, pieces and lengths."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import InvalidInput, select
from recurra_lab.exports.program import export
from recurra_recursive.recursive import RecursiveNetwork
from recurra_recursive.tree_lstm import TreeLSTM
from recurra_wrappers import LearnedInitialState

F, PLACES = 2, 6
CELLS = {
    "recursive": lambda: RecursiveNetwork(F + 1, hidden_size=3, stack_size=PLACES),
    "child-sum": lambda: TreeLSTM(F + 1, hidden_size=3, children=4, stack_size=PLACES),
    "n-ary": lambda: TreeLSTM(F + 1, hidden_size=3, variant="n-ary", children=3, stack_size=PLACES),
}


@st.composite
def arities(draw, cell, steps):
    """Draw the arities of one row: any that the cell can read on its stack."""
    waiting, drawn = 0, []
    for _ in range(steps):
        able = [k for k in range(cell.limits.least, cell.limits.most + 1) if k <= waiting]
        able = [*able, 0] if waiting < PLACES else able
        drawn.append(draw(st.sampled_from(able)))
        waiting += 1 - drawn[-1]
    return drawn


@st.composite
def batches(draw):
    name, steps, batch = (
        draw(st.sampled_from(sorted(CELLS))),
        draw(st.integers(1, 12)),
        draw(st.integers(1, 4)),
    )
    torch.manual_seed(draw(st.integers(0, 9)))
    cell = CELLS[name]().double()
    trees = torch.tensor([draw(arities(cell, steps)) for _ in range(batch)]).double()
    x = torch.cat([torch.randn(batch, steps, F).double(), trees[..., None]], -1)
    lengths = torch.tensor([draw(st.integers(0, steps)) for _ in range(batch)])
    return cell, x, lengths if draw(st.booleans()) else None, draw(st.integers(0, steps))


def stepped(cell, x, state, lengths):
    """The definition."""
    outputs = []
    for t in range(x.shape[1]):
        y, after = cell.step(x[:, t], state)
        live = torch.ones(len(x), dtype=torch.bool) if lengths is None else t < lengths
        state = select(live, after, state)
        outputs.append(torch.where(live[:, None], y, torch.zeros_like(y)))
    return torch.stack(outputs, 1), state


def nodes(*arities):
    """One row of nodes with these numbers of children."""
    torch.manual_seed(0)
    features = torch.randn(1, len(arities), F, dtype=torch.float64)
    return torch.cat([features, torch.tensor([arities])[..., None]], -1)


def test_trees_after_a_reset_know_nothing_of_the_nodes_before():
    cell = CELLS["n-ary"]().double()
    x, resets = nodes(0, 0, 0, 0, 2), torch.tensor([[False, False, True, False, False]])
    y, states = cell(x, resets=resets, states=True)
    torch.testing.assert_close(y[:, 2:], cell(x[:, 2:])[0], rtol=0, atol=1e-14)
    assert states.waiting.tolist() == [[1, 2, 1, 2, 1]]


@pytest.mark.parametrize("states", [False, True])
def test_a_node_whose_children_lie_before_a_reset_is_refused(states):
    cell, resets = CELLS["n-ary"]().double(), torch.tensor([[False, False, True, False]])
    told = r"at x\[0, 3\] a node has 2 children, but 1 of those before it wait for a parent"
    with pytest.raises(InvalidInput, match=told):
        cell(nodes(0, 0, 0, 2), resets=resets, states=states)
    cell(nodes(0, 0, 0, 2), lengths=torch.tensor([3]), resets=resets, states=states)
    with pytest.raises(InvalidInput, match=r"at x\[0, 0\] a node has 1 children, but 0"):
        cell(nodes(1, 0), states=states)


@settings(max_examples=150)
@given(batches())
def test_a_fold_equals_its_steps(drawn):
    cell, x, lengths, cut = drawn
    x.requires_grad_()
    start = cell.initial_state(len(x))
    expected, last = stepped(cell, x, start, lengths)
    y, state = cell(x, lengths=lengths)
    first, between = cell(x[:, :cut], lengths=None if lengths is None else lengths.clamp(max=cut))
    rest, ended = cell(x[:, cut:], between, lengths=None if lengths is None else (lengths - cut).clamp(min=0))
    sources = [x, *cell.parameters()]
    mixtures = [torch.randn_like(expected), torch.randn_like(last.nodes)]
    found = []
    for got, after in ((y, state), (torch.cat([first, rest], 1), ended), (expected, last)):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(after.nodes, last.nodes, rtol=1e-12, atol=1e-12)
        assert torch.equal(after.waiting, last.waiting)
        loss = sum((a * b).sum() for a, b in zip(mixtures, (got, after.nodes), strict=True))
        loss = loss + 0 * x.sum()  # of no steps at all
        found.append(torch.autograd.grad(loss, sources, allow_unused=True))
    for whole, pieces, wanted in zip(*found, strict=True):
        for got in (whole, pieces):
            zeros = torch.zeros(())
            torch.testing.assert_close(
                zeros.expand_as(wanted).double() if got is None else got, wanted, rtol=1e-9, atol=1e-11
            )


def test_all_nodes_of_one_height_are_made_together(monkeypatch):
    cell, calls = CELLS["recursive"](), []
    inner = cell.inner
    monkeypatch.setattr(cell, "inner", lambda x, children: calls.append(len(x)) or inner(x, children))
    balanced, left = [0, 0, 2, 0, 0, 2, 2], [0, 0, 2, 0, 2, 0, 2]
    x = torch.randn(3, 7, F + 1)
    x[..., -1] = torch.tensor([balanced, left, balanced])
    cell(x)
    assert calls == [2 + 1 + 2, 1 + 1 + 1, 1]


def test_a_row_that_reads_nothing_keeps_whatever_lies_on_its_stack():
    cell = LearnedInitialState(CELLS["child-sum"]())
    with torch.no_grad():
        cell.starts[0].fill_(0.25)
    x = torch.zeros(2, 3, F + 1)
    start = cell.initial_state(2)
    _, state = cell(x, lengths=torch.tensor([3, 0]))
    _, expected = stepped(cell, x, start, torch.tensor([3, 0]))
    torch.testing.assert_close(state.nodes, expected.nodes)
    assert torch.equal(state.nodes[1], start.nodes[1])
    assert not state.nodes[0, 3:].any()


def test_weights_may_be_batched_as_evolution_has_them():
    cell = CELLS["n-ary"]()
    x = torch.randn(2, 4, F + 1)
    x[..., -1] = torch.tensor([[0, 0, 2, 1], [0, 0, 0, 3]])
    many = {name: torch.randn(5, *p.shape) for name, p in cell.named_parameters()}
    y = torch.func.vmap(lambda w: torch.func.functional_call(cell, w, (x,))[0])(many)
    for k in range(5):
        one = torch.func.functional_call(cell, {name: w[k] for name, w in many.items()}, (x,))[0]
        torch.testing.assert_close(y[k], one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(CELLS))
def test_it_is_exported_for_any_number_of_trees_and_steps(name):
    torch.manual_seed(3)
    cell = CELLS[name]().eval()
    program = export(cell).module()
    for batch, trees in ((1, [0]), (2, [0, 0, 2, 0, 2, 0, 0, 2, 2])):
        x = torch.randn(batch, len(trees), F + 1)
        x[..., -1] = torch.tensor(trees)
        y, state = program(x)
        expected, last = cell(x)
        torch.testing.assert_close(y, expected)
        torch.testing.assert_close(state["state.nodes"], last.nodes)
        assert torch.equal(state["state.waiting"], last.waiting)

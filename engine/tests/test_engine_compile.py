"""Cells inside `torch.compile`: one graph for every number of steps, with the results of the cell itself."""

import copy
import pickle
import threading

import pytest
import torch
from engine_cells import Lstm, Memory, ResetAfter, made
from engine_compare import assert_alike, drawn
from engine_graphs import Scaled, calls_in, compiled, noisy, same_as_eager
from engine_toys import Joined
from torch import nn
from torch.utils.checkpoint import checkpoint

from recurra import sequence

# Inductor and forward-mode differentiation import what torch itself calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
RESETS = torch.tensor([[0, 0, 1, 0, 0, 1], [1, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0] * 6]).bool()
LENGTHS = torch.tensor([6, 0, 2, 4])
HOW = [{}, {"lengths": LENGTHS}, {"resets": RESETS, "states": True}]


def named(how):
    return "".join(how) or "plain"


@pytest.fixture
def in_the_loop():
    """Run in the loop, which compiles no C."""
    with sequence.using("loop"):
        yield


def trained(run, cell, *inputs):
    """Return the results of a function, and the gradients of its first input and of a cell's weights."""
    x = inputs[0].detach().clone().requires_grad_()
    weights = [x, *cell.parameters()]
    for weight in weights:
        weight.grad = None
    y = run(x, *inputs[1:])
    y.square().sum().backward()
    return [y.detach(), *(torch.zeros_like(w) if w.grad is None else w.grad for w in weights)]


def assert_trains_alike(run, other, cell, *inputs, seed=None):
    results = []
    for each in (run, other):
        if seed is not None:
            torch.manual_seed(seed)
        results.append(trained(each, cell, *inputs))
    torch.testing.assert_close(*results, rtol=0, atol=1e-10)


@pytest.mark.usefixtures("in_the_loop")
def test_a_graph_holds_one_operator_however_many_steps():
    cell = made(Joined)
    nodes = []
    for steps in (3, 300):
        run, counter = compiled(cell, dynamic=False)
        x, state = drawn(cell, 4, steps)
        assert_alike(*same_as_eager(cell, run, x, state))
        assert calls_in(counter) == 1
        nodes.append(len(counter.graphs[0].graph.nodes))
    assert nodes[0] == nodes[1]


@pytest.mark.slow
@pytest.mark.usefixtures("in_the_loop")
def test_other_sizes_of_batch_and_time_need_no_other_graph():
    cell = made(Joined)
    run, counter = compiled(cell, dynamic=True)
    for batch, steps in ((4, 6), (7, 8), (2, 30)):
        x, state = drawn(cell, batch, steps)
        run(x, state, lengths=torch.full((batch,), 2))
    assert counter.frame_count == 1


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.parametrize("how", HOW, ids=named)
@pytest.mark.parametrize("kind", [Lstm, ResetAfter, Memory, Joined])
def test_results_and_gradients_are_those_of_the_cell(kind, how, backend):
    cell = made(kind)
    run, counter = compiled(cell, backend)
    assert_alike(*same_as_eager(cell, run, *drawn(cell), **how))
    assert calls_in(counter) == 1
    with torch.no_grad():
        x, _ = drawn(cell, 3, 5)
        torch.testing.assert_close(run(x)[0], cell(x)[0], rtol=0, atol=1e-12)
        cell.eval()
        torch.testing.assert_close(run(x)[0], cell(x)[0], rtol=0, atol=1e-12)


@pytest.mark.slow
def test_half_precision_is_that_of_the_cell():
    cell = made(Lstm, dtype=torch.float32)

    def run(x):
        with torch.autocast("cpu", torch.bfloat16):
            return cell(x)[0]

    x, _ = drawn(cell)
    inside, _ = compiled(run, "aot_eager")
    outside, _ = compiled(lambda x: cell(x)[0], "aot_eager")
    assert_trains_alike(inside, run, cell, x)
    with torch.autocast("cpu", torch.bfloat16):
        got, want = outside(x), cell(x)[0]
    assert got.dtype == want.dtype
    torch.testing.assert_close(got, want, rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_inside_and_outside(reentrant):
    cell = made(noisy(Joined))
    kept = lambda x: cell(2 * x)[0]  # noqa: E731
    eager = lambda x: checkpoint(kept, x, use_reentrant=reentrant)  # noqa: E731
    whole, _ = compiled(kept, "aot_eager")
    x, _ = drawn(cell)
    assert_trains_alike(lambda x: checkpoint(whole, x, use_reentrant=reentrant), eager, cell, x, seed=1)
    inside, _ = compiled(eager, "aot_eager")
    assert_trains_alike(inside, eager, cell, x, seed=1)


@pytest.mark.slow
def test_two_calls_draw_two_times():
    cell = made(noisy(Joined))
    both = lambda x: torch.stack([cell(x)[0], cell(x)[0]])  # noqa: E731
    run, _ = compiled(both, "aot_eager")
    x, _ = drawn(cell)
    assert_trains_alike(run, both, cell, x, seed=1)
    first, second = run(x)
    assert not torch.equal(first, second)


@pytest.mark.slow
def test_what_a_step_reads_is_read_anew():
    class Reads(Joined):
        def __init__(self, input_size=3, *, hidden_size=5):
            super().__init__(input_size, hidden_size=hidden_size)
            self.scale, self.inner, self.table = 1.0, {"scale": 1.0}, torch.ones(hidden_size)

        def step(self, x, h):
            y, h = super().step(x, h)
            return y * self.inner["scale"], h * self.scale * self.table

    cell = made(Reads)
    cell.table = cell.table.double()
    run, _ = compiled(lambda x: cell(x)[0], "aot_eager")
    x, _ = drawn(cell)
    for change in (
        lambda: None,
        lambda: setattr(cell, "scale", 0.5),
        lambda: cell.inner.update(scale=0.5),
        lambda: setattr(cell, "table", cell.table * 0.5),
        lambda: cell.table.mul_(0.5),
        lambda: cell.W.weight.data.mul_(0.5),
    ):
        before = run(x)
        change()
        assert_trains_alike(run, lambda x: cell(x)[0], cell, x)
    assert not torch.allclose(before, run(x))


class Factor(Joined):
    """The state is multiplied with a number or a tensor."""

    factor = 1.0

    def step(self, x, h):
        y, h = super().step(x, h)
        return y, h * self.factor


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "value"),
    [(torch.ones(5).double(), lambda net: net.cell.W.bias * 2), (1.0, lambda net: 0.5)],
    ids=["tensor", "number"],
)
def test_what_the_compiled_function_sets_is_used(before, value):
    cell = made(Factor)
    net = Scaled(cell, "factor", value)
    run, _ = compiled(net, "aot_eager")
    x, _ = drawn(cell)
    for _ in range(2):
        cell.factor = before
        got = trained(run, cell, x)
        torch.testing.assert_close(got, trained(net, cell, x), rtol=0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [nn.utils.parametrizations.orthogonal, nn.utils.parametrizations.spectral_norm]
)
def test_parametrized_weights(kind):
    cell = made(Lstm)
    kind(cell.U)
    other = copy.deepcopy(cell)
    run, _ = compiled(lambda x: cell(x)[0], "aot_eager")
    x, _ = drawn(cell)
    for _ in range(2):
        got, want = trained(run, cell, x), trained(lambda x: other(x)[0], other, x)
        torch.testing.assert_close(got, want, rtol=0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_dropped_weights_and_functional_calls(backend):
    cell = made(Lstm)
    raw = nn.Parameter(cell.U.weight.detach().clone())

    def halved(x):
        return torch.func.functional_call(cell, {"U.weight": raw * 0.5}, (x,))[0]

    run, _ = compiled(halved, backend)
    x, _ = drawn(cell)
    assert_trains_alike(run, halved, cell, x)
    del cell.U._parameters["weight"]

    def dropped(x):
        cell.U.weight = raw.sigmoid() * 0.5
        return cell(x)[0]

    run, _ = compiled(dropped, backend)
    for _ in range(2):
        assert_trains_alike(run, dropped, cell, x)


@pytest.mark.slow
def test_transforms_of_torch():
    cell = made(Joined)
    xs = torch.stack([drawn(cell, seed=seed)[0].detach() for seed in range(3)])
    mapped = torch.func.vmap(lambda x: cell(x)[0])
    run, counter = compiled(mapped, "aot_eager")
    assert_trains_alike(run, mapped, cell, xs)
    assert calls_in(counter) == 1
    for transformed in (
        torch.func.grad(lambda x: cell(x)[0].square().sum()),
        torch.func.jacrev(lambda x: cell(x)[0].sum(1)),
        lambda x: torch.func.jvp(lambda x: cell(x)[0], (x,), (x,))[1],
    ):
        run, _ = compiled(transformed, "aot_eager")
        torch.testing.assert_close(run(xs[0]), transformed(xs[0]), rtol=0, atol=1e-10)


@pytest.mark.slow
def test_copies_are_compiled_as_themselves():
    cell = made(Lstm)
    x, _ = drawn(cell)
    compiled(cell, "aot_eager")[0](x)
    whole = copy.deepcopy(torch.compile(cell, backend="aot_eager"))
    torch.testing.assert_close(whole(x)[0], cell(x)[0], rtol=0, atol=1e-12)
    for other in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell)), copy.copy(cell)):
        other.W = copy.deepcopy(cell.W).requires_grad_()
        nn.init.zeros_(other.W.weight)
        run = torch.compile(lambda x, other=other: other(x)[0], backend="aot_eager", fullgraph=True)
        assert_trains_alike(run, lambda x, other=other: other(x)[0], other, x)


@pytest.mark.slow
def test_threads_share_a_compiled_cell():
    cell = made(Lstm)
    x, _ = drawn(cell)
    want, found = cell(x)[0], []
    run, _ = compiled(lambda x: cell(x)[0], "aot_eager")

    def work():
        for _ in range(5):
            y = run(x)
            gradient = torch.autograd.grad(y.sum(), x)[0]
            found.append((y, gradient))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gradient = torch.autograd.grad(want.sum(), x)[0]
    assert len(found) == 20
    for y, g in found:
        torch.testing.assert_close([y, g], [want, gradient], rtol=0, atol=1e-10)


@pytest.mark.slow
def test_a_step_that_sets_attributes_is_traced_step_by_step():
    class Counts(Joined):
        steps = 0

        def step(self, x, h):
            self.steps = self.steps + 1
            return super().step(x, h)

    cell = made(Counts)
    run, counter = compiled(lambda x: cell(x)[0], "aot_eager")
    x, _ = drawn(cell)
    assert torch.equal(run(x), cell(x)[0])
    assert (cell.steps, calls_in(counter)) == (12, 0)

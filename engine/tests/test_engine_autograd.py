"""A compiled sequence is a citizen of autograd: run twice, differentiated twice, transformed, watched."""

from functools import cache

import pytest
import torch
from engine_cells import Heads, Lstm, Masked, Memory, NormalisedLstm, Readout, made
from engine_compare import FAST, assert_alike, assert_runs, drawn, level_of, results, weighed

from recurra import leaves, map_state, sequence

cell_of = cache(made)
LENGTHS = torch.tensor([3, 0, 1])
LONG_TO_COMPILE = pytest.param(Memory, marks=pytest.mark.slow)


def run(cell, x, state, level, lengths=None):
    with sequence.using(level):
        return cell(x, state, lengths=lengths)


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("kind", [Lstm, NormalisedLstm, Heads, Masked, LONG_TO_COMPILE, Readout])
def test_second_derivatives(kind, lengths, level):
    cell, found = cell_of(kind), {}
    for name in ("loop", level):
        x, state = drawn(cell, 3, 3)
        y, after = run(cell, x, state, name, lengths)
        wanted = [x, *(part for _, part in leaves(state)), *cell.parameters()]
        total = weighed(y.square()) + sum(weighed(part) for _, part in leaves(after))
        first = torch.autograd.grad(total, wanted, create_graph=True, allow_unused=True)
        curved = sum(weighed(g.square()) for g in first if g is not None and g.requires_grad)
        found[name] = dict(enumerate(torch.autograd.grad(curved, wanted, allow_unused=True)))
    assert_alike(found[level], found["loop"], 1e-10)


@pytest.mark.parametrize("level", FAST)
def test_third_derivatives(level):
    cell, found = cell_of(Lstm), {}
    for name in ("loop", level):
        x, state = drawn(cell, 1, 2)
        value = run(cell, x, state, name)[0].sum()
        for _ in range(3):
            (slope,) = torch.autograd.grad(value, x, create_graph=True)
            value = slope.pow(2).sum()
        found[name] = {"slope": slope}
    assert_alike(found[level], found["loop"], 1e-10)


@pytest.mark.parametrize("level", FAST)
def test_derivatives_by_finite_differences(level):
    cell = cell_of(Lstm)
    x, state = drawn(cell, 2, 2)

    def outputs(x, h, c):
        y, after = run(cell, x, type(state)(h, c), level, torch.tensor([2, 1]))
        return y, *after

    assert torch.autograd.gradcheck(outputs, (x, *state))
    assert torch.autograd.gradgradcheck(outputs, (x, *state))


@pytest.mark.parametrize("level", FAST)
def test_backward_twice(level):
    cell = cell_of(Lstm)
    x, state = drawn(cell)
    want = results(cell, x, state)["gradient of x"]
    y, after = run(cell, x, state, level)
    total = weighed(y) + sum(weighed(part) for part in after)
    total.backward(retain_graph=True)
    torch.testing.assert_close(x.grad, want, rtol=1e-12, atol=1e-12)
    total.backward()
    torch.testing.assert_close(x.grad, 2 * want, rtol=1e-12, atol=1e-12)
    with pytest.raises(RuntimeError, match="second time"):
        total.backward()
    cell.zero_grad()


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("what", ["y", "final h", "final c", "x", "h", "c", "W.weight", "U.bias"])
def test_what_is_changed_between_the_passes_is_never_silently_wrong(what, level):
    cell = made(Lstm)
    x, state = drawn(cell)
    want = results(cell, x, state)
    y, after = run(cell, x, state, level)
    total = weighed(y) + sum(weighed(part) for part in after)
    named = {"y": y, "final h": after.h, "final c": after.c, "x": x, "h": state.h, "c": state.c}
    with torch.no_grad():
        (named | dict(cell.named_parameters()))[what].mul_(3).add_(1)
    wanted = [x, *state, *cell.parameters()]
    try:
        got = torch.autograd.grad(total, wanted, allow_unused=True)
    except RuntimeError as error:
        assert what in ("x", "U.weight", "W.weight")
        assert "modified by an inplace operation" in str(error)  # noqa: PT017
        return
    names = [name for name in want if name.startswith("gradient")]
    assert_alike(dict(zip(names, got, strict=True)), {name: want[name] for name in names})


@pytest.mark.parametrize("level", FAST)
def test_an_output_changed_as_part_of_the_graph(level):
    cell, found = cell_of(Lstm), {}
    for name in ("loop", level):
        x, state = drawn(cell)
        y, after = run(cell, x, state, name)
        y, c = y * 1, after.c * 1
        c.mul_(y[:, -1].clone())
        y.tanh_()
        found[name] = dict(enumerate(torch.autograd.grad(weighed(y) + weighed(c), [x, *state])))
    assert_alike(found[level], found["loop"])


@pytest.mark.parametrize("level", FAST)
def test_truncated_by_detached_states(level):
    cell, found = cell_of(Lstm), {}
    for name in ("loop", level):
        x, state = drawn(cell)
        total, reached = 0, state
        for part in x.split(2, 1):
            y, state = run(cell, part, map_state(torch.Tensor.detach, state), name)
            total = total + weighed(y)
        wanted = [x, *reached, *cell.parameters()]
        found[name] = dict(enumerate(torch.autograd.grad(total, wanted, allow_unused=True)))
    assert_alike(found[level], found["loop"])
    assert found[level][1] is None  # the first state


@pytest.mark.parametrize("level", FAST)
def test_a_state_handed_on_with_its_history(level):
    cell, found = cell_of(Memory), {}
    for name in ("loop", level):
        x, state = drawn(cell)
        y, after = run(cell, x, state, name)
        z, after = run(
            cell, y.mean(-1, keepdim=True).expand(-1, -1, 3), after, name, torch.tensor([2, 6, 0, 6])
        )
        wanted = [x, *(part for _, part in leaves(state)), *cell.parameters()]
        found[name] = dict(enumerate(torch.autograd.grad(weighed(z), wanted, allow_unused=True)))
    assert_alike(found[level], found["loop"])


@pytest.mark.parametrize("level", FAST)
def test_no_gradient_where_none_is_wanted(level):
    cell = cell_of(Lstm)
    x, state = drawn(cell)
    want = results(cell, x, state)["y"].detach()
    for without in (torch.no_grad, torch.inference_mode):
        with without():
            y, after = run(cell, x, state, level)
        assert not y.requires_grad
        assert not after.c.requires_grad
        torch.testing.assert_close(y, want, rtol=1e-12, atol=1e-12)
    assert_alike(results(cell, x, state, level=level), results(cell, x, state))


@pytest.mark.parametrize("level", FAST)
def test_saved_tensors_may_be_packed(level):
    cell = cell_of(Lstm)
    x, state = drawn(cell)
    want, packed = results(cell, x, state), []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: packed.append(1) or t.numpy(force=True), torch.from_numpy
    ):
        y, after = run(cell, x, state, level)
    (got,) = torch.autograd.grad(weighed(y) + sum(weighed(part) for part in after), x)
    assert packed
    assert_alike({"x": got}, {"x": want["gradient of x"]})


@pytest.mark.parametrize("level", FAST)
def test_hooks_of_tensors_are_called_once(level):
    cell, calls = made(Lstm), []
    x, state = drawn(cell)
    tensors = {"x": x, **dict(cell.named_parameters())}
    for name, tensor in tensors.items():
        tensor.register_hook(lambda g, name=name: calls.append(name))
    y, _ = run(cell, x, state, level)
    y.sum().backward()
    used = [name for name, tensor in tensors.items() if tensor.grad is not None]
    assert sorted(calls) == sorted(used)
    assert {"x", "W.weight"} <= set(used)
    assert cell.x.weight.grad is None  # it is never used


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch's own, in jvp
@pytest.mark.parametrize("level", FAST)
def test_transforms_of_torch_see_the_loop(level):
    cell = cell_of(Lstm)
    x, state = (map_state(torch.Tensor.detach, part) for part in drawn(cell, 2, 3))

    def total(x):
        return cell(x, state)[0].square().sum()

    found = {}
    for name in ("loop", level):
        with sequence.using(name):
            found[name] = {
                "grad": torch.func.grad(total)(x),
                "vmap": torch.func.vmap(lambda x: cell(x, state)[0])(torch.stack([x, 2 * x])),
                "jvp": torch.func.jvp(total, (x,), (x.cos(),))[1],
                "jacrev": torch.func.jacrev(lambda x: cell(x, state)[0].sum((0, 2)))(x),
                "hessian": torch.func.hessian(total)(x),
                "of one row": torch.func.vmap(torch.func.grad(total))(x[None]),
                "forward": torch.autograd.functional.jvp(total, x, x.cos())[1],
            }
    assert_alike(found[level], found["loop"])


@pytest.mark.parametrize("level", FAST)
def test_other_weights_for_one_call(level):
    cell, found = cell_of(Lstm), {}
    for name in ("loop", level):
        x, state = drawn(cell)
        scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
        weights = {key: scale * p.detach() for key, p in cell.named_parameters()}
        with sequence.using(name):
            y, _ = torch.func.functional_call(cell, weights, (x, state))
        found[name] = {"y": y, "scale": torch.autograd.grad(weighed(y), scale)[0]}
    assert_alike(found[level], found["loop"])


@pytest.mark.parametrize("level", FAST)
def test_a_forward_mode_gradient_needs_the_loop(level):
    cell = cell_of(Lstm)
    x, state = (map_state(torch.Tensor.detach, part) for part in drawn(cell))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, x.sin())
        assert level_of(cell, dual, state, level).level == "loop"
        y, _ = run(cell, dual, state, level)
        assert torch.autograd.forward_ad.unpack_dual(y).tangent is not None
    assert_runs(cell, x, state, level)

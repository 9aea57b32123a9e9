"""Every level of the engine gives what the loop gives: outputs, final states and all gradients."""

import copy
import threading

import engine_toys as toys
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import engine
from recurra.engine import levels
from recurra.errors import InvalidOption
from recurra.state import leaves, map_state

FAST = [level for level in engine.LEVELS if level in ("scan", "native")]
MADE = {}


def made(kind, hidden_size=5, dtype=torch.float64):
    """One cell per kind and size: its compiled steps serve all examples."""
    key = kind, hidden_size, dtype
    if key not in MADE:
        torch.manual_seed(len(MADE))
        MADE[key] = kind(3, hidden_size=hidden_size).to(dtype)
    return MADE[key]


def drawn(cell, batch, steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    dtype = next(cell.parameters()).dtype
    x = torch.randn(batch, steps, cell.input_size, generator=generator, dtype=torch.float64).to(dtype)
    noise = lambda part: (part + 0.3 * torch.randn(part.shape, generator=generator).to(dtype)).detach()  # noqa: E731
    return x.requires_grad_(), map_state(lambda part: noise(part).requires_grad_(), cell.initial_state(batch))


def results(cell, x, state, lengths=None, level="loop"):
    """Return y, the final state, and the gradients of x, the first state and every parameter."""
    with engine.using(level):
        y, after = cell(x, state, lengths)
    made = {"y": y, **dict(leaves(after, "final"))}
    wanted = {"x": x, **dict(leaves(state)), **dict(cell.named_parameters())}
    wanted = {name: tensor for name, tensor in wanted.items() if tensor.requires_grad}
    total = sum((v * torch.linspace(-1, 1, v.numel(), dtype=v.dtype).view_as(v)).sum() for v in made.values())
    if total.requires_grad:
        found = torch.autograd.grad(total, list(wanted.values()), allow_unused=True)
        made |= {f"gradient of {n}": g for n, g in zip(wanted, found, strict=True) if g is not None}
    return made


def assert_alike(got, want, tolerance):
    for name in got.keys() | want.keys():
        a, b = got.get(name), want.get(name)
        a = torch.zeros_like(b) if a is None else a
        b = torch.zeros_like(a) if b is None else b
        scale = max(1.0, float(b.detach().abs().max())) if b.numel() else 1.0
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance * scale, msg=lambda m, n=name: f"{n}: {m}")


def runs_at(cell, x, state, level):
    with engine.using(level):
        choice = levels.choose(cell, x, state)
    assert choice.level == level, choice.why_not


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("kind", toys.DIFFERENTIABLE)
def test_every_kind_of_step_runs_at_every_level(kind, level):
    cell = made(kind)
    x, state = drawn(cell, 4, 6)
    runs_at(cell, x, state, level)
    assert_alike(results(cell, x, state, level=level), results(cell, x, state), 1e-12)


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("kind", [toys.Joined, toys.Peephole, toys.ResetBefore, toys.Attention, toys.Odd])
@settings(max_examples=12)
@given(
    batch=st.sampled_from([1, 2, 7, 17, 33]),
    steps=st.sampled_from([0, 1, 2, 13]),
    hidden_size=st.sampled_from([1, 5, 33]),
    seed=st.integers(0, 999),
    data=st.data(),
)
def test_sizes_and_lengths(kind, level, batch, steps, hidden_size, seed, data):
    cell = made(kind, hidden_size)
    x, state = drawn(cell, batch, steps, seed)
    lengths = data.draw(st.none() | st.lists(st.integers(0, steps), min_size=batch, max_size=batch))
    lengths = None if lengths is None else torch.tensor(lengths)
    assert_alike(results(cell, x, state, lengths, level), results(cell, x, state, lengths), 1e-12)


@pytest.mark.parametrize("kind", toys.DIFFERENTIABLE)
@pytest.mark.parametrize("level", FAST)
def test_single_precision(kind, level):
    cell = made(kind, dtype=torch.float32)
    x, state = drawn(cell, 5, 9)
    runs_at(cell, x, state, level)
    assert_alike(results(cell, x, state, level=level), results(cell, x, state), 1e-5)


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("kind", [toys.Peephole, toys.Attention])
def test_nan_in_the_padding_harms_nothing(kind, level):
    cell = made(kind)
    x, state = drawn(cell, 3, 5)
    lengths = torch.tensor([2, 5, 0])
    dirty = x.detach().clone()
    dirty[0, 2:], dirty[2] = float("nan"), float("inf")
    got = results(cell, dirty.requires_grad_(), state, lengths, level)
    assert_alike(got, results(cell, x, state, lengths), 1e-12)
    assert not got["y"][0, 2:].any()


@pytest.mark.parametrize("level", FAST)
def test_inputs_in_any_layout(level):
    cell = made(toys.Peephole)
    x, state = drawn(cell, 4, 6)
    for other in (x.transpose(0, 1).contiguous().transpose(0, 1), x.repeat(1, 1, 2)[..., ::2]):
        want = results(cell, other.detach().clone().contiguous().requires_grad_(), state)
        assert_alike(results(cell, other.detach().requires_grad_(), state, level=level), want, 1e-12)


@pytest.mark.parametrize("level", FAST)
def test_frozen_parameters_get_no_gradient_and_may_thaw_later(level):
    cell = copy.deepcopy(made(toys.Peephole))
    x, state = drawn(cell, 4, 6)
    for frozen in ("W", "U"):
        getattr(cell, frozen).requires_grad_(False)
        assert_alike(results(cell, x, state, level=level), results(cell, x, state), 1e-12)
        getattr(cell, frozen).requires_grad_(True)
    assert_alike(results(cell, x, state, level=level), results(cell, x, state), 1e-12)


@pytest.mark.parametrize("level", FAST)
def test_an_input_and_state_that_need_no_gradient(level):
    cell = made(toys.Attention)
    x, state = drawn(cell, 4, 6)
    x, state = x.detach(), map_state(torch.Tensor.detach, state)
    assert_alike(results(cell, x, state, level=level), results(cell, x, state), 1e-12)
    with torch.no_grad(), engine.using(level):
        assert_alike({"y": cell(x, state)[0]}, {"y": results(cell, x, state)["y"]}, 1e-12)


@pytest.mark.parametrize("level", FAST)
@pytest.mark.parametrize("kind", [toys.Peephole, toys.Attention, toys.ResetBefore])
def test_second_derivatives(kind, level):
    cell = made(kind)
    x, state = drawn(cell, 2, 3)

    def curvature(level):
        with engine.using(level):
            y, _ = cell(x, state)
        (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        return dict(
            enumerate(torch.autograd.grad(slope.square().sum(), [x, *cell.parameters()], allow_unused=True))
        )

    want = {k: v for k, v in curvature("loop").items() if v is not None}
    assert_alike({k: v for k, v in curvature(level).items() if v is not None}, want, 1e-10)


@pytest.mark.parametrize("level", FAST)
def test_a_graph_may_be_walked_twice(level):
    cell = made(toys.Peephole)
    x, state = drawn(cell, 2, 4)
    with engine.using(level):
        y, _ = cell(x, state)
    first, second = (torch.autograd.grad(y.sum(), x, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("level", FAST)
def test_outputs_changed_in_place_are_never_silently_wrong(level):
    cell = made(toys.Peephole)
    x, state = drawn(cell, 2, 4)
    want = results(cell, x, state)
    with engine.using(level):
        y, _ = cell(x, state)
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)
    total = (y * weights).sum()
    try:
        with torch.no_grad():
            y.mul_(2)
        (got,) = torch.autograd.grad(total, x)
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)  # noqa: PT017
    else:
        loop = results(cell, x, state)
        assert_alike({"y": want["y"]}, {"y": loop["y"]}, 0)
        with engine.using("loop"):
            (right,) = torch.autograd.grad((cell(x, state)[0] * weights).sum(), x)
        assert_alike({"x": got}, {"x": right}, 1e-12)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch's own, in jvp
def test_under_transforms_of_torch_the_loop_runs():
    cell = made(toys.Joined)
    x, state = drawn(cell, 2, 4)
    x, state = x.detach(), state.detach()

    def total(x):
        return cell(x, state)[0].square().sum()

    with engine.using("native"):
        by_transform = torch.func.grad(total)(x)
        many = torch.func.vmap(lambda x: cell(x, state)[0])(torch.stack([x, 2 * x]))
        _, slope = torch.func.jvp(total, (x,), (torch.ones_like(x),))
    with engine.using("loop"):
        (right,) = torch.autograd.grad(total(leaf := x.clone().requires_grad_()), leaf)
        torch.testing.assert_close(many[1], cell(2 * x, state)[0])
    torch.testing.assert_close(by_transform, right)
    torch.testing.assert_close(slope, right.sum())


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (toys.StraightThrough, "differs from the loop's"),
        (toys.Branching, "_local_scalar_dense"),
        (toys.Drawing, "random numbers"),
    ],
)
def test_what_a_trace_does_not_show_runs_in_the_loop(kind, reason):
    cell = made(kind)
    x, state = drawn(cell, 3, 5)
    with engine.using("native"):
        choice = levels.choose(cell, x, state)
    assert choice.level == "loop"
    assert reason in choice.why_not["native"]
    if kind is not toys.Drawing:
        assert_alike(results(cell, x, state, level="native"), results(cell, x, state), 0)


def test_hooks_are_called_at_every_step():
    cell, calls = copy.deepcopy(made(toys.Joined)), []
    x, state = drawn(cell, 2, 4)
    cell.W.register_forward_hook(lambda *_: calls.append(1))
    with engine.using("native"):
        cell(x, state)
    assert len(calls) == 4


def test_a_changed_option_is_noticed():
    class Scaled(toys.Toy):
        _scale, table = 1.0, torch.ones(())

        def step(self, x, h):
            h = torch.tanh(self._scale * self.x(x) + self.table.exp() * self.h(h))
            return h, h

    cell = Scaled().double()
    cell.table = torch.ones((), dtype=torch.float64)
    x, state = drawn(cell, 2, 4)
    for cell._scale in (1.0, 2.0):
        cell.table += 0.5
        assert_alike(results(cell, x, state, level="native"), results(cell, x, state), 1e-12)


def test_new_weights_are_used_and_other_dtypes_compiled_anew():
    cell = copy.deepcopy(made(toys.Peephole))
    x, state = drawn(cell, 2, 4)
    results(cell, x, state, level="native")
    cell.load_state_dict(toys.Peephole().state_dict())
    assert_alike(results(cell, x, state, level="native"), results(cell, x, state), 1e-12)
    cell.float()
    x, state = drawn(cell, 2, 4)
    assert_alike(results(cell, x, state, level="native"), results(cell, x, state), 1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_left_to_the_loop(dtype):
    cell = copy.deepcopy(made(toys.Joined)).to(dtype)
    x, state = drawn(cell, 2, 4)
    with engine.using("native"):
        assert levels.choose(cell, x, state).level == "loop"
        with torch.autocast("cpu", torch.bfloat16):
            single = cell.float()
            assert levels.choose(single, x.float(), state.float()).level == "loop"


def test_threads_may_share_a_cell():
    cell = made(toys.Attention)
    x, state = drawn(cell, 3, 9)
    want, wrong = results(cell, x, state), []

    def run():
        try:
            assert_alike(results(cell, x, state, level="native"), want, 1e-12)
        except AssertionError as error:
            wrong.append(error)

    workers = [threading.Thread(target=run) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_more_threads_give_the_same():
    cell = made(toys.Attention, 33)
    x, state = drawn(cell, 17, 40)
    want = results(cell, x, state, torch.arange(17) + 20)
    try:
        torch.set_num_threads(2)
        assert_alike(results(cell, x, state, torch.arange(17) + 20, "native"), want, 1e-12)
    finally:
        torch.set_num_threads(1)


def test_an_unknown_level_is_refused(monkeypatch):
    with pytest.raises(InvalidOption, match="no level 'fast'; expected one of loop"), engine.using("fast"):
        pass
    monkeypatch.setenv("RECURRA_ENGINE", "fast")
    with pytest.raises(InvalidOption, match="RECURRA_ENGINE"):
        made(toys.Joined)(torch.zeros(1, 2, 3).double())

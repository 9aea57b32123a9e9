"""What all continuous-time cells share: how time elapses, and what dividing a step changes."""

import json
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recurra import InvalidOption, leaves
from recurra.config.options import keyword_options
from recurra_continuous.cfc import CfC
from recurra_continuous.co_rnn import CoRNN
from recurra_continuous.ctrnn import CTRNN
from recurra_continuous.lem import LEM
from recurra_continuous.ltc import LTC
from recurra_wrappers import Stacked

CELLS = (CTRNN, LTC, CfC, CoRNN, LEM)
FLOWS = [
    pytest.param(CTRNN, {"dt": 1.0}, id="ctrnn"),
    pytest.param(CTRNN, {"dt": 1.0, "method": "euler"}, id="ctrnn-euler"),
    pytest.param(LTC, {"unfolds": 1}, id="ltc"),
    pytest.param(CoRNN, {"dt": 0.1, "gamma": 2.0, "epsilon": 1.0}, id="co-rnn"),
    pytest.param(
        CoRNN, {"dt": 0.1, "gamma": 2.0, "epsilon": 1.0, "damping": "implicit"}, id="co-rnn-implicit"
    ),
    pytest.param(LEM, {}, id="lem"),
]
I_, H, B = 3, 4, 2


def made(kind, elapsed="last-channel", seed=0, **options):
    torch.manual_seed(seed)
    return kind(I_, hidden_size=H, elapsed=elapsed, **options).double()


def drawn(cell):
    """Return an input without the elapsed time, and a state."""
    state = cell.initial_state(B)
    return torch.randn(B, I_ - 1).double(), type(state)(*(torch.randn_like(part) for part in state))


def after(cell, x, times, state):
    """Return the state after steps with the same x that take these times."""
    for time in times:
        _, state = cell.step(torch.cat([x, torch.full((B, 1), time, dtype=torch.float64)], 1), state)
    return torch.cat(list(state), 1)


@pytest.mark.parametrize(("kind", "options"), FLOWS)
def test_no_time_changes_nothing(kind, options):
    cell = made(kind, **options)
    x, state = drawn(cell)
    for time in (0.0, -1.0):
        assert torch.equal(after(cell, x, [time], state), torch.cat(list(state), 1))


@pytest.mark.parametrize(("kind", "options"), FLOWS)
def test_two_halves_equal_a_step_to_first_order(kind, options):
    """Their difference is proportional to the square of the step: a tenth of the step, a hundredth of it."""
    cell = made(kind, **options)
    x, state = drawn(cell)

    def difference(time):
        return (after(cell, x, [time / 2] * 2, state) - after(cell, x, [time], state)).abs().max().item()

    assert difference(1e-2) > 1e-9
    assert difference(1e-3) / difference(1e-2) == pytest.approx(0.01, rel=0.1)


@given(st.floats(0, 20), st.floats(0, 1))
def test_a_linear_leak_may_be_divided_anywhere(time, share):
    """Without recurrent weights the exponential method is the exact flow of a constant input."""
    cell = made(CTRNN, learn_tau=True)
    with torch.no_grad():
        cell.connections.V.zero_()
    x, state = drawn(cell)
    divided = after(cell, x, [share * time, (1 - share) * time], state)
    torch.testing.assert_close(divided, after(cell, x, [time], state), rtol=1e-12, atol=1e-12)


def test_a_function_of_time_is_no_flow():
    cell = made(CfC)
    x, state = drawn(cell)
    assert (after(cell, x, [0.5, 0.5], state) - after(cell, x, [1.0], state)).abs().max() > 1e-3
    assert (after(cell, x, [0.0], state) - state.h).abs().max() > 1e-3


@pytest.mark.parametrize("kind", CELLS)
def test_a_constant_step_is_an_elapsed_time_of_one(kind):
    timed = made(kind)
    constant = kind(I_ - 1, hidden_size=H).double()
    constant.load_state_dict(timed.state_dict())
    x = torch.randn(B, 5, I_).double()
    x[..., -1] = 1
    y, state = timed(x)
    expected, last = constant(x[..., :-1])
    torch.testing.assert_close(y[..., :-1], expected, rtol=1e-14, atol=1e-14)
    assert torch.equal(y[..., -1], x[..., -1])
    for (_, one), (_, other) in zip(leaves(state), leaves(last), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("kind", CELLS)
def test_a_chunk_continues_where_the_last_one_ended(kind):
    cell = made(kind)
    x = torch.randn(B, 7, I_).double()
    y, last = cell(x)
    first, state = cell(x[:, :3])
    second, end = cell(x[:, 3:], state)
    assert torch.equal(torch.cat([first, second], 1), y)
    assert all(torch.equal(one, other) for one, other in zip(end, last, strict=True))


@pytest.mark.parametrize("kind", CELLS)
def test_every_layer_of_a_stack_reads_the_time(kind):
    first = made(kind)
    second = kind(first.output_size, hidden_size=2, elapsed="last-channel").double()
    x = torch.rand(B, 4, I_).double()
    y, _ = Stacked([first, second])(x)
    assert y.shape == (B, 4, 2 + 1)
    assert torch.equal(y[..., -1], x[..., -1])
    assert second.inputs == H


@pytest.mark.parametrize("kind", CELLS)
def test_an_input_of_time_alone_is_refused(kind):
    told = f"{kind.__name__}: elapsed = 'last-channel' needs an input of at least 2 channels"
    with pytest.raises(InvalidOption, match=told):
        kind(1, elapsed="last-channel")


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize(("option", "value"), [("elapsed", "first"), ("dt", 0.0), ("hidden_size", 0)])
def test_wrong_options_are_refused(kind, option, value):
    with pytest.raises(InvalidOption, match=f"^{kind.__name__}: {option} = "):
        kind(3, **{option: value})


def test_the_readme_names_every_option_and_its_code_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    for kind in CELLS:
        for option, (_, default) in keyword_options(kind).items():
            shown = "none" if default is None else json.dumps(default).strip('"')
            assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", text, re.MULTILINE), option
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, {})

"""Every check of a cell kills a broken cell that is broken in just the way the check is about."""

import math
from typing import NamedTuple

import pytest
import torch
from torch import nn

from recurra.cell import Tags
from recurra.errors import InvalidInput
from recurra.state import detach
from recurra_contract import CheckFailed, Contract, Identity, ToyCell, checks
from recurra_contract.examples.cells import ToyState
from recurra_contract.kit import Skip


class WrongWidth(ToyCell):
    def step(self, x, state):
        h, state = super().step(x, state)
        return h[:, :-1], state


class InPlace(ToyCell):
    def step(self, x, state):
        state.h.mul_(0.5)
        return super().step(x, state)


class Counting(ToyCell):
    """Counts its steps on the module."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.seen = []

    def step(self, x, state):
        self.seen.append(len(self.seen))
        return super().step(x, state)


class Hidden(ToyCell):
    """Keeps its state on the module."""

    h = None

    def step(self, x, state):
        kept = state.h if self.h is None or self.h.shape != state.h.shape else self.h
        y, state = super().step(x, ToyState(kept))
        self.h = y.detach()
        return y, state


class Drifting(ToyCell):
    """Starts where it ended."""

    end = 0.0

    def initial_state(self, batch_size):
        return ToyState(super().initial_state(batch_size).h + self.end)

    def step(self, x, state):
        y, state = super().step(x, state)
        self.end = float(y.detach().sum())
        return y, state


class NoCopy(ToyCell):
    """Its copies have forgotten something that is in no parameter."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.secret = torch.rand(())

    def step(self, x, state):
        y, state = super().step(x, state)
        return y * self.secret, state


class WrongOptions(ToyCell):
    """Remembers another size than it has."""

    def __init__(self, input_size, *, hidden_size: int = 4):
        super().__init__(input_size, hidden_size=2 * hidden_size)
        self.options = {"hidden_size": 3 * hidden_size}


class WrongView(ToyCell):
    def views(self, state):
        return {"h": state.h.sum(-1)}


class WrongLoss(ToyCell):
    def own_loss(self, state):
        return state.h


class NotEmpty(ToyCell):
    def run(self, x, state, lengths):
        if x.shape[1] == 0:
            return x.new_ones(x.shape[0], 1, self.output_size), state
        return super().run(x, state, lengths)


class OtherForward(ToyCell):
    def run(self, x, state, lengths):
        y, state = super().run(x, state, lengths)
        return y * 1.001, state


class OtherGradient(ToyCell):
    def run(self, x, state, lengths):
        return super().run(x.detach() + 0 * x, state, lengths)


class Forgetful(ToyCell):
    """Starts afresh with every call."""

    def run(self, x, state, lengths):
        return super().run(x, self.initial_state(x.shape[0]), lengths)


class NoLengths(ToyCell):
    def run(self, x, state, lengths):
        return super().run(x, state, None)


class BackwardLeak(ToyCell):
    """Masks what comes out, not what goes in: the classic NaN gradient."""

    def run(self, x, state, lengths):
        y, state = super().run(x, state, None)
        if lengths is not None:
            live = torch.arange(x.shape[1]) < lengths[:, None]
            y = torch.where(live[..., None], y, torch.zeros_like(y))
        return y, state


class BatchNormed(ToyCell):
    def step(self, x, state):
        return super().step(x - x.mean(0), state)


class Clairvoyant(ToyCell):
    def run(self, x, state, lengths):
        return super().run(x + x.sum(1, keepdim=True), state, lengths)


class Deaf(ToyCell):
    def step(self, x, state):
        return super().step(torch.zeros_like(x), state)


class Noisy(ToyCell):
    def step(self, x, state):
        y, state = super().step(x, state)
        return y + torch.rand(()), state


class SecretlyStochastic(ToyCell):
    def step(self, x, state):
        return super().step(nn.functional.dropout(x, 0.5, self.training), state)


class UnbatchedState(ToyCell):
    def initial_state(self, batch_size):
        return ToyState(self.zeros(1, self.output_size))


class Truncated(ToyCell):
    """Cuts its gradient without saying so."""

    def step(self, x, state):
        return super().step(x, ToyState(state.h.detach() * 1.0))


class HalfGradient(ToyCell):
    def step(self, x, state):
        y, state = super().step(x, state)
        y = 0.5 * y + 0.5 * y.detach()
        return y, ToyState(y)


class _Inflated(torch.autograd.Function):
    """A weight whose gradient is ten per cent too large."""

    @staticmethod
    def forward(context, weight):
        return weight.clone()

    @staticmethod
    def backward(context, gradient):
        return 1.1 * gradient


class InflatedWeightGradient(ToyCell):
    def step(self, x, state):
        joined = torch.cat([x, state.h], -1)
        h = state.h / 2 + torch.tanh(joined @ _Inflated.apply(self.W.weight).mT + self.W.bias) / 2
        return h, ToyState(h)


class Idle(ToyCell):
    def __init__(self, input_size):
        super().__init__(input_size)
        self.unused = nn.Parameter(torch.zeros(3))


class Rounded(ToyCell):
    """Computes in half precision whatever it is asked for."""

    def step(self, x, state):
        y, state = super().step(x, state)
        return y.half().to(y.dtype) if y.dtype == torch.float32 else y, state


class Overflowing(ToyCell):
    def step(self, x, state):
        y, state = super().step(x, state)
        big = x.sum(-1, keepdim=True).exp()
        return y + big - big, state


class Cut(ToyCell):
    """Its state never has a gradient."""

    def step(self, x, state):
        y, state = super().step(x, state)
        return y, ToyState(state.h.detach())


class CutsAtStart(ToyCell):
    """Lets no gradient into the call before."""

    def run(self, x, state, lengths):
        return super().run(x, detach(state), lengths)


class CutsWhenRagged(ToyCell):
    def run(self, x, state, lengths):
        return super().run(x if lengths is None else x.detach() + 0 * x, state, lengths)


class EmptyResets(ToyCell):
    """Starts afresh after a piece without steps."""

    def run(self, x, state, lengths):
        return super().run(x, state if x.shape[1] else self.initial_state(x.shape[0]), lengths)


class StaysOnCpu(ToyCell):
    def initial_state(self, batch_size):
        return ToyState(torch.zeros(batch_size, self.output_size, dtype=self.W.weight.dtype))


class ConstantOnCpu(ToyCell):
    def step(self, x, state):
        return super().step(x + torch.full((3,), 0.1), state)


class OnePrecision(ToyCell):
    """Uses an operation that does not mix precisions, as autocast makes it."""

    def step(self, x, state):
        h = torch.lerp(state.h, self.W(torch.cat([x, state.h], -1)).tanh(), 0.5)
        return h, ToyState(h)


class LowPrecision(ToyCell):
    """Its gradient is NaN under autocast only."""

    def step(self, x, state):
        y, state = super().step(x, state)
        if self.W(torch.cat([x, y], -1)).dtype == torch.bfloat16:
            y = y + (0 * y).square().sqrt()
        return y, state


class Diverging(ToyCell):
    """Doubles its state: infinite after some hundred steps."""

    def step(self, x, state):
        y, _ = super().step(x, ToyState(state.h.clamp(max=1)))
        return y, ToyState(2 * state.h + 1)


class LateView(ToyCell):
    def views(self, state):
        return {"h": torch.cat([state.h, state.h], -1) if state.h.any() else state.h}


class Broadcasting(ToyCell):
    def forward(self, x, state=None, lengths=None):
        narrow = x.dim() == 3 and x.shape[-1] == 1
        return super().forward(x.expand(-1, -1, self.input_size) if narrow else x, state, lengths)


class Mumbling(ToyCell):
    """Refuses without saying what."""

    def forward(self, x, state=None, lengths=None):
        try:
            return super().forward(x, state, lengths)
        except InvalidInput:
            raise InvalidInput("invalid argument") from None


class Unchecked(ToyCell):
    """Checks nothing of what it is given."""

    def forward(self, x, state=None, lengths=None):
        state = self.initial_state(x.shape[0]) if state is None else state
        return self.run(x, state, lengths)


class CountingSilently(ToyCell):
    """Counts on a private attribute of a part, which repr of the whole does not show."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.W._calls = 0

    def step(self, x, state):
        self.W._calls += 1
        return super().step(x, state)


class MovesABuffer(ToyCell):
    """Follows its inputs in training mode."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.register_buffer("mean", torch.zeros(input_size), persistent=False)

    def step(self, x, state):
        if self.training:
            self.mean.lerp_(x.detach().mean(0), 0.1)
        return super().step(x, state)


class KeepsItsGraph(ToyCell):
    """Stores its state, with the graph, on the module."""

    last = None

    def step(self, x, state):
        y, self.last = super().step(x, state)
        return y, self.last


class ForgetsEmptyRows(ToyCell):
    def run(self, x, state, lengths):
        y, ended = super().run(x, state, lengths)
        return y, ended if lengths is None else ToyState(ended.h * (lengths > 0)[:, None])


class PadsThePacked(ToyCell):
    def _forward_packed(self, x, state):
        padded, lengths = nn.utils.rnn.pad_packed_sequence(x, batch_first=True)
        return self(padded, state, lengths)


class PackedInAnotherOrder(ToyCell):
    def _forward_packed(self, x, state):
        y, state = super()._forward_packed(x, state)
        return y._replace(data=y.data.flip(0)), state


class PackedSortedAnew(ToyCell):
    """Puts the rows out in order of their length."""

    def _forward_packed(self, x, state):
        y, state = super()._forward_packed(x, state)
        return y._replace(sorted_indices=None, unsorted_indices=None), state


class PackedStateSorted(ToyCell):
    def _forward_packed(self, x, state):
        y, state = super()._forward_packed(x, state)
        return y, ToyState(state.h[x.sorted_indices])


class RootedSlope(ToyCell):
    """Its value at zero is right, its slope there is not finite."""

    def step(self, x, state):
        y, state = super().step(x, state)
        return y + x.square().sum(-1, keepdim=True).sqrt(), state


class InfiniteLoss(ToyCell):
    def own_loss(self, state):
        return state.h.mean(-1) / 0


class InfiniteView(ToyCell):
    def views(self, state):
        return {"h": state.h.abs().log()}


class Unwritable(ToyCell):
    """Computes with the number of rows in a way that torch can trace and cannot write down."""

    def step(self, x, state):
        y, state = super().step(x, state)
        return y * math.floor(x.shape[0] / 100 + 1), state


class OneBatchSize(Identity):
    """Is traced, and written, for the batch of the example alone."""

    def step(self, x, state):
        return x + math.log(x.shape[0] + 1), state


class MappedRows(ToyCell):
    """Is traced and written with operators that only a trace has."""

    def step(self, x, state):
        y, state = super().step(x, state)
        return torch.func.vmap(lambda row: 2 * row)(y), state


class Untraceable(ToyCell):
    """Branches on a value."""

    def step(self, x, state):
        return super().step(x if x.sum() > 0 else 2 * x, state)


MUTANTS = [
    ("check_shapes", WrongWidth),
    ("check_pure", InPlace),
    ("check_pure", Counting),
    ("check_pure", CountingSilently),
    ("check_pure", MovesABuffer),
    ("check_whole_state", Hidden),
    ("check_initial_state", Drifting),
    ("check_copies", NoCopy),
    ("check_device", StaysOnCpu),
    ("check_device", ConstantOnCpu),
    ("check_options", WrongOptions),
    ("check_views", WrongView),
    ("check_views", LateView),
    ("check_views", InfiniteView),
    ("check_own_loss", WrongLoss),
    ("check_own_loss", InfiniteLoss),
    ("check_empty", NotEmpty),
    ("check_empty", EmptyResets),
    ("check_forward_equals_steps", OtherForward),
    ("check_gradients_equal_steps", OtherGradient),
    ("check_gradients_equal_steps", CutsWhenRagged),
    ("check_gradients_cross_cuts", CutsAtStart),
    ("check_hand_off", Forgetful),
    ("check_hand_off", EmptyResets),
    ("check_lengths", NoLengths),
    ("check_lengths", ForgetsEmptyRows),
    ("check_packed", PadsThePacked),
    ("check_packed", PackedInAnotherOrder),
    ("check_packed", PackedSortedAnew),
    ("check_packed", PackedStateSorted),
    ("check_padding", NoLengths),
    ("check_padding_gradients", BackwardLeak),
    ("check_rows_are_independent", BatchNormed),
    ("check_batch_size", BatchNormed),
    ("check_causality", Clairvoyant),
    ("check_input_matters", Deaf),
    ("check_no_chance_in_evaluation", Noisy),
    ("check_no_chance_in_evaluation", SecretlyStochastic),
    ("check_state_is_batched", UnbatchedState),
    ("check_exact_gradient", HalfGradient),
    ("check_exact_gradient", InflatedWeightGradient),
    ("check_every_parameter_learns", Idle),
    ("check_precision", Rounded),
    ("check_mixed_precision", OnePrecision),
    ("check_mixed_precision", LowPrecision),
    ("check_extremes", Overflowing),
    ("check_extremes", Diverging),
    ("check_extremes", RootedSlope),
    ("check_export", Untraceable),
    ("check_export", Unwritable),
    ("check_export", OneBatchSize),
    ("check_export", MappedRows),
    ("check_windows_are_cut", Cut),
    ("check_windows_are_cut", KeepsItsGraph),
    ("check_wrong_input_is_refused", Unchecked),
    ("check_wrong_input_is_refused", Broadcasting),
    ("check_wrong_input_is_refused", Mumbling),
    ("check_wrong_lengths_are_refused", Unchecked),
    ("check_wrong_lengths_are_refused", Mumbling),
    ("check_wrong_state_is_refused", Unchecked),
    ("check_wrong_state_is_refused", Mumbling),
]


def maker(cell):
    return lambda input_size=3: cell(input_size)


def check_named(name):
    return next(check for check in checks("cell") if check.__name__ == name)


@pytest.mark.parametrize(("name", "mutant"), MUTANTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_check_kills_its_mutant(name, mutant):
    result = {check.name: check for check in Contract("cell", maker(mutant)).checks()}[name].result()
    assert result.status == "failed", result


def test_every_check_has_a_mutant():
    assert {name for name, _ in MUTANTS} == {check.__name__ for check in checks("cell")}


def test_the_toy_passes_everything():
    results = list(Contract("cell", maker(ToyCell)).run())
    assert [r for r in results if r.status != "passed"] == []
    assert len(results) >= 32


class ClockState(NamedTuple):
    h: torch.Tensor
    t: torch.Tensor
    late: torch.Tensor


class Clocked(ToyCell):
    """Updates one unit per step, in turn: its state has whole numbers and booleans."""

    def initial_state(self, batch_size):
        t = torch.zeros(batch_size, dtype=torch.long, device=self.W.weight.device)
        return ClockState(self.zeros(batch_size, self.output_size), t, t > 2)

    def step(self, x, state):
        y, _ = super().step(x, ToyState(state.h))
        due = nn.functional.one_hot(state.t % self.output_size, self.output_size).bool()
        h = torch.where(due, y.to(state.h.dtype), state.h)
        return h, ClockState(h, state.t + 1, state.t > 1)


def test_an_honest_state_may_hold_whole_numbers_and_booleans():
    results = list(Contract("cell", maker(Clocked)).run())
    assert [r for r in results if r.status != "passed"] == []


class Branching(ToyCell):
    """Decides by a value what it computes."""

    def step(self, x, state):
        return super().step(x if x.sum() > 0 else -x, state)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU can run it")
def test_a_cell_that_branches_on_values_can_be_moved_on_a_gpu_only():
    with pytest.raises(Skip, match="on a GPU only"):
        check_named("check_device")(maker(Branching))


class NoParameters(ToyCell):
    def __init__(self, input_size):
        super().__init__(input_size)
        self.requires_grad_(False)
        del self.W

    def step(self, x, state):
        h = state.h / 2 + x.sum(-1, keepdim=True)
        return h, ToyState(h)


def test_a_cell_without_parameters_and_buffers_cannot_be_moved():
    with pytest.raises(Skip, match="neither parameters nor buffers"):
        check_named("check_device")(maker(NoParameters))


class StaysBehind(NoParameters):
    """Has a buffer, and starts on the CPU wherever that is."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.register_buffer("scale", torch.ones(()))

    def initial_state(self, batch_size):
        return ToyState(torch.zeros(batch_size, self.output_size, dtype=self.scale.dtype))


def test_a_cell_of_buffers_is_moved():
    with pytest.raises(CheckFailed, match=r"state\.h stays on cpu when the cell is moved"):
        check_named("check_device")(maker(StaysBehind))


class NotDifferentiable(ToyCell):
    tags = Tags(differentiable=False)

    def step(self, x, state):
        y, state = super().step(x, state)
        return y.detach().sign(), ToyState(y.detach().sign())


class TruncatedAndSaysSo(Truncated):
    tags = Tags(exact_gradient=False)


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        (NotDifferentiable, "check_exact_gradient"),
        (NotDifferentiable, "check_every_parameter_learns"),
        (NotDifferentiable, "check_padding_gradients"),
        (TruncatedAndSaysSo, "check_exact_gradient"),
    ],
)
def test_tags_excuse_and_the_skip_is_said(cell, name):
    with pytest.raises(Skip, match="its tags say that"):
        check_named(name)(maker(cell))


def test_an_honest_stochastic_cell_passes():
    class Stochastic(SecretlyStochastic):
        tags = Tags(stochastic=True)

    check_named("check_no_chance_in_evaluation")(maker(Stochastic))

"""The border of every cell: a wrong tensor is refused in one sentence, never broadcast."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils._python_dispatch import TorchDispatchMode

from recurra.cell import Cell, Tags
from recurra.errors import InvalidInput, RecurraError
from recurra.state import NoState
from recurra_contract import Identity


class Leaky(Cell[tuple]):
    """Two leaves of different shapes and dtypes."""

    def __init__(self, input_size, *, hidden_size: int = 2):
        super().__init__(input_size, hidden_size)
        self.layer = nn.Linear(input_size, hidden_size)

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size), torch.zeros(batch_size, dtype=torch.int64)

    def step(self, x, state):
        h = (self.layer(x) + state[0]) / 2
        return h, (h, state[1] + 1)


X = torch.zeros(2, 5, 3)
WRONG_INPUTS = {
    "width": (torch.zeros(2, 5, 4), r"Leaky: x must be \(batch, time, 3\), got \(2, 5, 4\)"),
    "two axes": (torch.zeros(5, 3), r"Leaky: x must be \(batch, time, 3\), got \(5, 3\)"),
    "four axes": (torch.zeros(1, 2, 5, 3), r"Leaky: x must be \(batch, time, 3\), got \(1, 2, 5, 3\)"),
    "list": ([[[0.0] * 3]], r"Leaky: x must be a tensor \(batch, time, 3\), got list"),
    "tokens": (X.long(), r"Leaky: x must be floating-point, got torch.int64; tokens need an embedding"),
    "bool": (X.bool(), r"Leaky: x must be floating-point, got torch.bool"),
    "double": (X.double(), r"Leaky: x is torch.float64 but the parameters are torch.float32; convert one"),
    "device": (X.to("meta"), r"Leaky: x is on meta but the parameters are on cpu; move one of them"),
    "packed": (pack_sequence([torch.zeros(5, 4)]), r"Leaky: x must be \(batch, time, 3\), got \(1, 5, 4\)"),
}


@pytest.mark.parametrize("wrong", WRONG_INPUTS)
def test_a_wrong_input_is_refused(wrong):
    x, told = WRONG_INPUTS[wrong]
    with pytest.raises(InvalidInput, match=f"^{told}"):
        Leaky(3)(x)


WRONG_LENGTHS = {
    "shape": (torch.tensor([5]), r"a tensor \(2,\) of integers, got \(1,\) of torch.int64"),
    "column": (torch.tensor([[5], [5]]), r"a tensor \(2,\) of integers, got \(2, 1\) of torch.int64"),
    "float": (torch.tensor([5.0, 5.0]), r"a tensor \(2,\) of integers, got \(2,\) of torch.float32"),
    "bool": (torch.tensor([True, True]), r"a tensor \(2,\) of integers, got \(2,\) of torch.bool"),
    "list": ([5, 5], r"a tensor \(2,\) of integers, got list"),
}


@pytest.mark.parametrize("wrong", WRONG_LENGTHS)
def test_wrong_lengths_are_refused(wrong):
    lengths, told = WRONG_LENGTHS[wrong]
    with pytest.raises(InvalidInput, match=f"^Leaky: lengths must be {told}$"):
        Leaky(3)(X, lengths=lengths)


@pytest.mark.parametrize(("lengths", "span"), [([5, 6], "5 to 6"), ([-1, 3], "-1 to 3")])
def test_lengths_beyond_the_tensor_are_refused(lengths, span):
    told = f"^Leaky: lengths must lie between 0 and the 5 steps of x, got {span}$"
    with pytest.raises(InvalidInput, match=told):
        Leaky(3)(X, lengths=torch.tensor(lengths))


H, AGE = torch.zeros(2, 2), torch.zeros(2, dtype=torch.int64)
WRONG_STATES = {
    "one tensor": (H, "state must have the tensors state.0, state.1, got state"),
    "too few": ((H,), "state must have the tensors state.0, state.1, got state.0"),
    "empty": ((), "state must have the tensors state.0, state.1, got none"),
    "list": ([H, AGE], "state must be a tensor or a tuple of states, got list"),
    "none inside": ((H, None), "state.1 must be a tensor or a tuple of states, got NoneType"),
    "batch of one": ((H[:1], AGE), r"state.0 must have shape \(2, 2\), got \(1, 2\)"),
    "width": ((torch.zeros(2, 3), AGE), r"state.0 must have shape \(2, 2\), got \(2, 3\)"),
    "double": ((H.double(), AGE), "state.0 must be torch.float32, got torch.float64"),
    "age as float": ((H, AGE.float()), "state.1 must be torch.int64, got torch.float32"),
    "device": ((H.to("meta"), AGE), "state.0 must be on cpu, got meta"),
}


@pytest.mark.parametrize("wrong", WRONG_STATES)
def test_a_wrong_state_is_refused(wrong):
    state, told = WRONG_STATES[wrong]
    with pytest.raises(InvalidInput, match=f"^{told}$"):
        Leaky(3)(X, state)


class DrawnStart(Leaky):
    """Counts how often its initial state is computed, and draws it."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.computed = 0

    def initial_state(self, batch_size):
        self.computed += 1
        h, age = super().initial_state(batch_size)
        return h + torch.rand(batch_size, 1).to(h), age


def test_a_given_state_draws_nothing_and_needs_the_initial_one_only_once():
    cell = DrawnStart(3)
    _, state = cell(X)
    before = torch.get_rng_state()
    cell(X, state)
    assert torch.equal(torch.get_rng_state(), before)
    cell.computed = 0
    for rows in (2, 1, 0):
        cell(X[:rows], tuple(part[:rows] for part in state))
    assert cell.computed == 0
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(InvalidInput, match="must have shape"):
        cell(X, (H[:1], AGE))


CHANGES = {
    "dtype": (lambda cell: cell.double(), X.double(), (H.double(), AGE), "must be torch.float64"),
    "device": (lambda cell: cell.to("meta"), X.to("meta"), (H.to("meta"), AGE), "must be on meta"),
    "a part": (lambda cell: cell.layer.double(), X.double(), (H.double(), AGE), "must be torch.float64"),
    "size": (lambda cell: setattr(cell, "output_size", 4), X, (torch.zeros(2, 4), AGE), r"shape \(2, 4\)"),
}


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "size"])
def test_a_state_of_before_a_change_of_the_cell_is_refused(change):
    make, x, _, told = CHANGES[change]
    cell = Leaky(3)
    cell(X, (H, AGE))
    make(cell)
    with pytest.raises(InvalidInput, match=told):
        cell(x, (H, AGE))


@pytest.mark.parametrize("change", CHANGES)
def test_a_state_of_after_a_change_of_the_cell_is_taken(change):
    make, _, state, _ = CHANGES[change]
    cell = Leaky(3)
    cell(X, (H, AGE))
    make(cell)
    assert cell.started(state, 2) is state


def test_lengths_are_read_at_once():
    class InputKind(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.count += function is torch.ops.aten._local_scalar_dense.default
            return function(*args, **(kwargs or {}))

    for lengths in ([5, 2], [5, 5]):
        with InputKind() as reads:
            Identity(3)(X, lengths=torch.tensor(lengths))
        assert reads.count <= 1


def test_a_state_for_a_cell_without_state_is_refused():
    with pytest.raises(InvalidInput, match=r"^state must have the tensors none, got state.0$"):
        Identity(3)(X, (H,))


def test_the_error_is_a_value_error_of_recurra_with_exit_code_2():
    assert issubclass(InvalidInput, ValueError)
    assert issubclass(InvalidInput, RecurraError)
    assert InvalidInput.exit_code == 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_cell_without_parameters_has_a_precision_all_the_same(dtype):
    cell = Identity(3).to(dtype)
    y, _ = cell(X.to(dtype), lengths=torch.tensor([2, 5]))
    assert y.dtype == cell.zeros(1).dtype == dtype
    assert cell.state_dict() == {}


def test_autocast_lets_precisions_mix_but_not_numbers_with_counts():
    cell = Leaky(3)
    with torch.autocast("cpu", torch.bfloat16):
        cell(X.bfloat16(), (H.bfloat16(), AGE))
        with pytest.raises(InvalidInput, match=r"state.0 must be torch.float32, got torch.int64"):
            cell(X, (H.long(), AGE))
    with pytest.raises(InvalidInput, match=r"state.0 must be torch.float32, got torch.bfloat16"):
        cell(X, (H.bfloat16(), AGE))


def test_zeros_follow_the_parameters():
    cell = Leaky(3).to("meta", torch.float64)
    zeros = cell.zeros(4, 2, 1)
    assert (zeros.shape, zeros.dtype, zeros.device.type) == ((4, 2, 1), torch.float64, "meta")
    assert Identity(3).zeros(4, 2).shape == (4, 2)


class Counted(Identity):
    """Nothing but a buffer of integers."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.register_buffer("count", torch.zeros(3, dtype=torch.int64))


class Fixed(Counted):
    """Two buffers, one of real numbers, and no parameters."""

    def __init__(self, input_size):
        super().__init__(input_size)
        self.register_buffer("scale", torch.ones(input_size))


@pytest.mark.parametrize("cell", [Identity, Counted, Fixed])
@pytest.mark.parametrize(
    ("x", "told"),
    [
        (X.double(), "x is torch.float64 but the layer is torch.float32; convert one of them"),
        (X.to("meta"), "x is on meta but the layer is on cpu; move one of them"),
    ],
)
def test_a_cell_without_parameters_is_guarded_too(cell, x, told):
    with pytest.raises(InvalidInput, match=f"^{cell.__name__}: {told}$"):
        cell(3)(x)


def test_parameters_count_before_buffers():
    cell = Leaky(3)
    cell.register_buffer("narrow", torch.zeros(1, dtype=torch.float16))
    assert cell(X)[0].dtype == cell.zeros(1).dtype == torch.float32


@pytest.mark.parametrize("cell", [Identity, Counted, Fixed])
def test_zeros_follow_the_cell_where_there_are_no_parameters(cell):
    zeros = cell(3).to("meta", torch.float64).zeros(4, 2)
    assert (zeros.dtype, zeros.device.type) == (torch.float64, "meta")


def test_a_cell_promises_nothing_special_and_shows_nothing_unless_it_says_so():
    cell = Identity(3)
    assert cell.tags == Tags(differentiable=True, exact_gradient=True, stochastic=False, input_kind="vectors")
    assert cell.auxiliary_loss(NoState()) is None
    assert cell.diagnostics(NoState()) == {}


def test_a_cell_remembers_its_options():
    assert Leaky(3, hidden_size=7).options == {"hidden_size": 7}
    assert Leaky(3).options == {"hidden_size": 2}

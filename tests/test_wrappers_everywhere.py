"""Wrappers around every installed cell keep the contract; and what only bundled cells can prove.

Each wrapper alone is checked around a small cell, and around the installed ones several at once; the slow
tests put each around all of them.
"""

import itertools
import re

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recurra import IncompatibleParts, Ref, leaves, map_state, sequence
from recurra.plugins.registry import components, load
from recurra_contract import Contract, ToyCell, ToyMemory, ToyTask
from recurra_contract.cells.probes import inputs
from recurra_contract.examples.cells import driven_by_toy
from recurra_contract.kit import maker
from recurra_lab import Model
from recurra_wrappers import (
    Block,
    LayerNormalised,
    LearnedInitialState,
    NormalisedLinears,
    OrthogonalWeights,
    RecurrentDropout,
    Stacked,
    Zoneout,
)
from recurra_wrappers.base import floating
from selection import every_pair


def fully_dropped(cell):
    states = tuple(floating(cell.initial_state(1)))
    seen = 0.3 if cell.tags.input_kind == "vectors" else 0.0
    return RecurrentDropout(cell, inputs=seen, outputs=0.3, states=0.3 if states else 0.0, only=states)


def two_layers(make, input_size):
    first = make(input_size=input_size)
    return Stacked([first, make(input_size=input_size + first.output_size)], skip=True, dropout=0.3)


def whole_block(cell):
    """A block with every part, from 3 features to a stream of 4."""
    parts = {"convolution": 3, "gate": True, "feed_forward": "glu", "norm_output": True}
    return Block(cell, 3, width=4, norm="rms", **parts)


ALONE = {
    "dropout": fully_dropped,
    "zoneout": lambda cell: Zoneout(cell, p=0.2),
    "learned start": LearnedInitialState,
    "normalised outputs": LayerNormalised,
    "normalised states": lambda cell: LayerNormalised(cell, outputs=False, states=True),
    "normalised linears": NormalisedLinears,
    "block": whole_block,
}
TOGETHER = {
    "what draws and starts": lambda cell: fully_dropped(Zoneout(LearnedInitialState(cell), p=0.2)),
    "normalised states": ALONE["normalised states"],
    "normalised linears": NormalisedLinears,
    "block": whole_block,
    "orthogonal weights": OrthogonalWeights,
}
SKIP_AND_DROPOUT = "skip and dropout"
SMALL = {"toy": maker("cell", ToyCell), "toy with memory": driven_by_toy(ToyMemory)}
CELLS = [offer.qualified for offer in components("cell")]
PAIRS = [
    *every_pair(SMALL, [*ALONE, SKIP_AND_DROPOUT]),
    *every_pair(CELLS, [*TOGETHER, SKIP_AND_DROPOUT]),
]
SLOW = ("check_export", "check_extremes", "check_windows_are_cut")
"""Around installed cells these are slow tests: every cell, and the wrappers around toys, pass them anyway."""


def making(name):
    return SMALL.get(name) or maker("cell", load("cell", name))


def wrapped(name, wrapper):
    make = making(name)
    if wrapper == SKIP_AND_DROPOUT:
        return lambda input_size=3: two_layers(make, input_size)
    wrap = (ALONE if name in SMALL else TOGETHER)[wrapper]
    return lambda input_size=3: wrap(make(input_size=input_size))


def made(name, wrapper):
    try:
        return wrapped(name, wrapper)(input_size=3)
    except IncompatibleParts as refused:
        pytest.skip(str(refused))


def unread(name):
    """Tensors of the bare cell's initial state that do not matter, or that its gradient does not reach."""
    torch.manual_seed(0)
    cell = making(name)(input_size=3).double().eval()
    start = map_state(
        lambda leaf: leaf.detach().clone().requires_grad_() if leaf.is_floating_point() else leaf,
        cell.initial_state(4),
    )
    y, end = cell(torch.randn(4, 5, 3).double(), start)
    results = [t for t in (y, *(leaf for _, leaf in leaves(end))) if t.requires_grad]
    mixture = sum((t * torch.randn_like(t)).sum() for t in results)
    found = torch.autograd.grad(mixture, list(floating(start).values()), allow_unused=True)
    return [leaf for leaf, g in zip(floating(start), found, strict=True) if g is None or not g.any()]


def only_rounding(wrapper, result):
    """Normalising few numbers divides by a small spread, which makes the errors of bfloat16 larger."""
    precise = result.check in ("check_precision", "check_mixed_precision")
    found = re.search(r"differs by up to (\S+), but the tolerance is (\S+)", result.message)
    if not (wrapper.startswith("normalised") and precise and found):
        return False
    return float(found[1]) < 5 * float(found[2]) and float(found[2]) > 1e-2


def excused(name, wrapper, cell):
    """What the cell itself is known to fail; and masks are a state that no gradient can flow through."""
    expected = {} if name in SMALL else dict(load("cell", name).contract_expected_failures)
    if wrapper == "learned start" and unread(name):
        expected["check_every_parameter_learns"] = (
            f"the first values of {', '.join(unread(name))} do not matter"
        )
    state = [leaf for _, leaf in leaves(cell.initial_state(1))]
    if state and not any(leaf.is_floating_point() for leaf in state):
        expected["check_windows_are_cut"] = "its state holds nothing but masks"
    return expected


def failures(name, wrapper, is_run):
    """What fails of the checks that are run, and is not excused."""
    torch.manual_seed(0)
    expected = excused(name, wrapper, made(name, wrapper))
    checks = list(Contract("cell", wrapped(name, wrapper)).checks())
    assert len(checks) > 30
    results = [check.result(expected.get(check.name)) for check in checks if is_run(check)]
    failed = [r for r in results if r.status == "failed" and not only_rounding(wrapper, r)]
    return [f"{r.check}: {r.message}" for r in failed]


@pytest.mark.parametrize(("name", "wrapper"), PAIRS)
def test_a_wrapped_cell_keeps_its_contract(name, wrapper, monkeypatch):
    # To compile every wrapped cell takes minutes: those around the toy are; scan runs the same graphs.
    if name != "toy" or wrapper == SKIP_AND_DROPOUT:
        monkeypatch.setattr(sequence, "levels", lambda: ("loop", "scan"))
    assert failures(name, wrapper, lambda check: name in SMALL or check.name not in SLOW) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "wrapper"), [*itertools.product(CELLS, TOGETHER)])
def test_a_wrapped_cell_keeps_the_slow_part_of_its_contract(name, wrapper):
    assert failures(name, wrapper, lambda check: check.name in SLOW) == []


@pytest.mark.parametrize("name", CELLS)
def test_masks_of_a_sequence_outlive_cuts_lengths_and_packing_in_training(name):
    torch.manual_seed(0)
    cell = fully_dropped(maker("cell", load("cell", name))(input_size=3)).train().double()
    if cell.cell.tags.stochastic:
        pytest.skip("the cell draws random numbers of its own at every step")
    x, start, lengths = inputs(cell, 4, 6), cell.initial_state(4), torch.tensor([6, 2, 5, 1])
    y, end = cell(x, start, lengths=lengths)
    first, state = cell(x[:, :2], start, lengths=lengths.clamp(max=2))
    rest, cut_end = cell(x[:, 2:], state, lengths=(lengths - 2).clamp(min=0))
    packed, packed_end = cell(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False), start)
    for other, other_end in (
        (torch.cat([first, rest], 1), cut_end),
        (pad_packed_sequence(packed, batch_first=True)[0], packed_end),
    ):
        torch.testing.assert_close(other, y, rtol=0, atol=1e-12)
        for (_, a), (_, b) in zip(leaves(other_end), leaves(end), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    plain, _ = cell.eval()(x, start, lengths=lengths)
    assert not torch.allclose(plain, y)


@pytest.mark.parametrize(
    ("reads", "answers", "size", "published"),
    [(10, 9, 256, 1_352_969), (8, 7, 512, 5_312_007), (8, 6, 256, 1_344_518), (1, 1, 128, 331_905)],
    ids=["copy", "repeat copy", "associative recall", "n-grams"],
)
def test_the_lstm_that_graves_2014_compares_with_has_as_many_weights(reads, answers, size, published):
    cell = Ref("cell", "lstm", hidden_size=size)
    task = ToyTask()
    task.input_size, task.output_size = reads, answers
    model = Model(task, cell, layers=3, skip=True, learned_initial_state=True)
    assert sum(p.numel() for p in model.parameters()) == published
    own = [p for name, p in model.named_parameters() if "starts" in name]
    assert len(own) == 6
    assert sum(p.numel() for p in own) == 6 * size


@pytest.mark.parametrize("reset", ["before", "after"])
def test_weights_that_are_used_as_slices_are_refused_by_name(reset):
    cell = load("cell", "gru")(3, hidden_size=5, reset=reset)
    if reset == "after":
        assert (
            sum(p.numel() for p in NormalisedLinears(cell).parameters()) == 3 * 5 * (3 + 5 + 1) + 5 + 2 * 15
        )
        return
    told = "NormalisedLinears: GRU uses the weights of from_h without calling the layer"
    with pytest.raises(IncompatibleParts, match=told):
        NormalisedLinears(cell)
    assert type(cell.from_x) is torch.nn.Linear  # a refusal leaves the cell as it was

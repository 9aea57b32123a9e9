"""Sequences: the engine, streaming, lengths and independence."""

from __future__ import annotations

import io

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from recurra.state import leaves, map_state
from recurra_contract.cells.probes import (
    BATCH,
    LENGTHS,
    STEPS,
    compare,
    compare_gradients,
    compare_gradients_of_levels,
    compare_levels,
    equal,
    gradients,
    inputs,
    learnable,
    made,
    reached,
    rows,
    stepped,
    varied,
)
from recurra_contract.kit import CheckFailed, Make


def check_forward_equals_steps(make: Make) -> None:
    """A sequence equals its single steps at every level of the engine: outputs and final state."""
    cell = made(make)
    x = inputs(cell)
    compare_levels("forward", lambda: cell(x), stepped(cell, x))


def check_gradients_equal_steps(make: Make) -> None:
    """At every level, with lengths or without, gradients of x and parameters equal those of single steps."""
    cell = made(make)
    x = inputs(cell).requires_grad_()
    learnable(cell)
    compare_gradients_of_levels("", cell, x, lambda: cell(x), stepped(cell, x))
    cut = stepped(cell, x, LENGTHS)
    compare_gradients_of_levels(" with lengths", cell, x, lambda: cell(x, lengths=LENGTHS), cut)


def check_gradients_cross_cuts(make: Make) -> None:
    """Gradients flow through a state passed to the next call: two halves have the gradients of the whole."""
    cell = made(make)
    x = inputs(cell).requires_grad_()
    learnable(cell)
    y, state = cell(x[:, :2])
    more, after = cell(x[:, 2:], state)
    got = gradients(cell, x, torch.cat([y, more], 1), after)
    compare_gradients(" through a cut", got, gradients(cell, x, *cell(x)), 1e-10)


def check_hand_off(make: Make) -> None:
    """A sequence may be split anywhere: its state, also if saved and loaded, continues it."""
    cell = made(make)
    x = inputs(cell)
    whole = cell(x)
    for cut in range(STEPS + 1):
        y, state = cell(x[:, :cut])
        more, after = cell(x[:, cut:], map_state(_saved_and_loaded, state))
        compare(f"cut after step {cut}", (torch.cat([y, more], 1), after), whole, 1e-12)


def _saved_and_loaded(leaf: Tensor) -> Tensor:
    file = io.BytesIO()
    torch.save(leaf.detach(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)  # type: ignore[no-any-return]


def check_lengths(make: Make) -> None:
    """A row with a length equals that row alone; after its end the state is unchanged and y is zero."""
    cell = made(make)
    x = inputs(cell)
    for what, start in (("", cell.initial_state(BATCH)), (" from a given state", reached(cell))):
        got = cell(x, start, lengths=LENGTHS)
        for row, length in enumerate(LENGTHS.tolist()):
            alone = slice(row, row + 1)
            y, state = cell(x[alone, :length], rows((x, start), alone)[1])
            y = torch.cat([y, y.new_zeros(1, STEPS - length, cell.output_size)], 1)
            compare(f"a row of length {length}{what}", rows(got, alone), (y, state), 1e-12)


def check_packed(make: Make) -> None:
    """An unsorted `PackedSequence` returns one with the same layout that equals the padded run."""
    cell, lengths = made(make), torch.tensor([3, 1, STEPS, 3])
    packed = pack_padded_sequence(inputs(cell), lengths, batch_first=True, enforce_sorted=False)
    start = reached(cell)
    y, state = cell(packed, start)
    if not isinstance(y, PackedSequence):
        raise CheckFailed(f"a PackedSequence input returns a {type(y).__name__}")
    for name in ("batch_sizes", "sorted_indices", "unsorted_indices"):
        got = getattr(y, name)
        if got is None:
            raise CheckFailed(f"a PackedSequence input returns one without {name}")
        equal(f"{name} of a PackedSequence", got, getattr(packed, name))
    padded, _ = pad_packed_sequence(y, batch_first=True)
    compare("a PackedSequence", (padded, state), cell(inputs(cell), start, lengths=lengths), 1e-12)


def check_padding(make: Make) -> None:
    """NaN and infinity in the padding change no bit of any result."""
    cell = made(make)
    x = inputs(cell)
    clean = cell(x, lengths=LENGTHS)
    for junk in (float("nan"), float("inf")):
        compare(f"padding of {junk}", cell(_padded(x, junk), lengths=LENGTHS), clean)


def check_padding_gradients(make: Make) -> None:
    """NaN and infinity in the padding change no bit of any gradient."""
    cell = made(make)
    learnable(cell)
    found = []
    for junk in (0.0, float("nan"), float("inf")):
        x = _padded(inputs(cell), junk).requires_grad_()
        found.append(gradients(cell, x, *cell(x, lengths=LENGTHS)))
    for spoilt in found[1:]:
        compare_gradients(" with junk in the padding", spoilt, found[0])


def _padded(x: Tensor, junk: float) -> Tensor:
    past = torch.arange(STEPS) >= LENGTHS[:, None]
    return x.masked_fill(past[..., None], junk)


def check_rows_are_independent(make: Make) -> None:
    """A NaN in one row leaves the others unchanged, and permuted rows give permuted results."""
    cell = made(make)
    x = inputs(cell)
    clean, spoilt = cell(x), x.clone()
    spoilt[1] = float("nan")
    others = torch.tensor([0, 2, 3])
    compare("the rows beside a NaN", rows(cell(varied(cell, x, spoilt)), others), rows(clean, others))
    order = torch.tensor([2, 0, 3, 1])
    compare("permuted rows", cell(x[order]), rows(clean, order), 1e-12)


def check_batch_size(make: Make) -> None:
    """A row gives the same result alone as in a batch, within 1e-5 in float32."""
    cell = made(make, torch.float32)
    x = inputs(cell, dtype=torch.float32)
    compare("a row alone", cell(x[:1]), rows(cell(x), slice(0, 1)), 1e-5)


def check_causality(make: Make) -> None:
    """Later inputs do not change earlier outputs."""
    cell = made(make)
    x = inputs(cell)
    later = x.clone()
    later[:, 3:] += 1
    equal("the outputs before a change", cell(varied(cell, x, later))[0][:, :3], cell(x)[0][:, :3])


def check_input_matters(make: Make) -> None:
    """Different inputs give different outputs."""
    cell = made(make)
    x = inputs(cell)
    if torch.equal(cell(x)[0], cell(varied(cell, x, x + 1))[0]):
        raise CheckFailed("two different inputs give the same outputs")


def check_no_chance_in_evaluation(make: Make) -> None:
    """In evaluation mode no random numbers are drawn; in training mode a seed determines every bit."""
    cell = made(make)
    x = inputs(cell)
    before = torch.get_rng_state()
    cell(x)
    if not torch.equal(torch.get_rng_state(), before):
        raise CheckFailed("a run in evaluation mode drew random numbers")
    runs = []
    for _ in range(2):
        torch.manual_seed(3)
        runs.append(cell.train()(x))
    compare("a second training run with the same seed", runs[1], runs[0])
    _check_honest_tags(cell.tags.stochastic, torch.get_rng_state())


def _check_honest_tags(stochastic: bool, after: Tensor) -> None:
    torch.manual_seed(3)
    drew = not torch.equal(after, torch.get_rng_state())
    if drew and not stochastic:
        raise CheckFailed("a run in training mode drew random numbers, but its tags do not say stochastic")


def check_state_is_batched(make: Make) -> None:
    """Every tensor of the initial state has one row per sequence, for any batch size."""
    cell = made(make)
    for batch in (1, BATCH, 7):
        for name, leaf in leaves(cell.initial_state(batch)):
            if leaf.shape[:1] != (batch,):
                raise CheckFailed(f"{name} has shape {tuple(leaf.shape)} for a batch of {batch}")

"""Compression loses nothing: for any weights, lengths and alphabets, in any batch, dtype and order."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from recurra import InvalidInput, InvalidOption, Ref
from recurra_history_compressor.cell import HistoryCompressor
from recurra_history_compressor.chunker import AutomatizerChunker
from recurra_history_compressor.codec import Compressed, Surprise
from recurra_history_compressor.net import TanhRecurrent


def made(seed, scale, twins, alphabet, levels, bits, net="tanh-recurrent", confidence=0.0):
    """A cell with random weights; with `twins` rounding alone decides between all predictions of a level."""
    torch.manual_seed(seed)
    options = {"level": Ref("cell", net, hidden_size=5), "time_bits": bits, "confidence": confidence}
    if levels is None:
        cell = AutomatizerChunker(alphabet, **options)
        parts = [cell.automatizer, cell.chunker]
    else:
        cell = HistoryCompressor(alphabet, levels=levels, **options)
        parts = list(cell.levels)
    with torch.no_grad():
        for p in cell.parameters():
            p.normal_().mul_(scale)
        for level in parts if twins else []:
            make_twins(level)
    return cell


def make_twins(level):
    """Make all units alike, and each prediction a sum of the same numbers in another order."""
    for p in level.net.parameters():
        p.copy_(p[:1].expand_as(p))
    row, many = level.head.weight[0].clone(), len(level.head.weight)
    level.head.weight.copy_(torch.stack([row[torch.randperm(len(row))] for _ in range(many)]))
    level.head.bias.zero_()


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([0.0, 1e-9, 0.3, 1.0, 30.0]),
    twins=st.booleans(),
    alphabet=st.integers(1, 5),
    levels=st.sampled_from([None, 1, 2, 3, 4]),
    bits=st.integers(1, 4),
    net=st.sampled_from(["tanh-recurrent", "lstm"]),
    confidence=st.sampled_from([0.0, 0.0, 0.4, 0.95]),
    lengths=st.lists(st.integers(0, 14), max_size=5),
    data=st.data(),
)
def test_nothing_is_lost_in_any_batch_dtype_and_order(
    seed, scale, twins, alphabet, levels, bits, net, confidence, lengths, data
):
    cell = made(seed, scale, twins, alphabet, levels, bits, net, confidence)
    steps = max(lengths, default=0) + data.draw(st.integers(0, 2))
    symbols = torch.randint(alphabet, (len(lengths), steps))
    rows = [row[:length] for row, length in zip(symbols, lengths, strict=True)]

    codes = cell.compress(symbols, torch.tensor(lengths, dtype=torch.int64))
    alone = [cell.compress(row[None])[0] for row in rows]
    assert alone == codes

    order = data.draw(st.permutations(range(len(rows))))
    cut = data.draw(st.integers(0, len(rows)))
    other = copy.deepcopy(cell).double().train()
    found = [
        row for part in (order[:cut], order[cut:]) for row in other.reconstruct([codes[b] for b in part])
    ]
    assert [row.tolist() for row in found] == [rows[b].tolist() for b in order]


def test_rounding_would_lose_information_if_it_differed_between_the_directions():
    # What is to be avoided: the encoder computes a prediction in another precision than the decoder.
    symbols = torch.randint(5, (1, 20), generator=torch.Generator().manual_seed(0))
    disagree = 0
    for seed in range(20):
        cell = made(seed, 1.0, True, 5, 1, 2)
        logits = [
            level.predict(level.net(F.one_hot(symbols, 5).to(dtype))[0][0])[0].argmax(-1)
            for dtype in (torch.float32, torch.float64)
            for level in [copy.deepcopy(cell.levels[0]).to(dtype)]
        ]
        disagree += not torch.equal(*logits)
        assert cell.compress(symbols) == copy.deepcopy(cell).double().compress(symbols)
    assert disagree > 5


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_what_it_keeps_is_what_surprises_the_cell(levels):
    cell = made(5, 1.0, False, 3, levels, 3).double()
    symbols = torch.randint(3, (1, 60), generator=torch.Generator().manual_seed(2))
    state, unexpected = cell.initial_state(1), []
    for x_t in F.one_hot(symbols, 3).double().unbind(1):
        _, state = cell.step(x_t, state)
        unexpected.append(cell.diagnostics(state)["unexpected at level"][0, -1].item())
    (code,) = cell.compress(symbols)
    kept = [symbol for symbol, hit in zip(symbols[0].tolist(), unexpected, strict=True) if hit]
    assert [s.symbol for s in code.surprises] == kept
    assert 1 < len(kept) < 60
    assert code.rest == tuple(s.since.item() for s in state.levels)


def test_no_symbols_and_one_symbol():
    cell = made(0, 1.0, False, 3, 2, 3)
    codes = cell.compress(torch.tensor([[2], [0]]), torch.tensor([1, 0]))
    assert codes == [Compressed((Surprise(2, (1, 1)),), (0, 0)), Compressed((), (0, 0))]
    assert [row.tolist() for row in cell.reconstruct(codes)] == [[2], []]
    assert cell.compress(torch.zeros(0, 4, dtype=torch.int64)) == []
    assert cell.reconstruct([]) == []


def test_autocast_the_mode_and_the_dtype_make_no_difference():
    cell = made(1, 1.0, False, 4, 2, 4)
    symbols = torch.randint(4, (3, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    codes = cell.compress(symbols)
    with torch.autocast("cpu", torch.bfloat16):
        assert cell.compress(symbols.long()) == codes
    assert cell.eval().double().compress(symbols) == codes
    assert all(p.dtype == torch.float64 for p in cell.parameters())
    assert torch.equal(torch.stack(cell.reconstruct(codes)), symbols.long())


class Noisy(TanhRecurrent):
    """A net that drops inputs by chance while it learns."""

    def step(self, x, state):
        return super().step(torch.dropout(x, 0.5, self.training), state)


def test_a_net_that_draws_by_chance_in_training_does_not_when_it_compresses():
    cell = made(2, 1.0, False, 4, 1, 4).train()
    torch.manual_seed(0)
    cell.levels[0].net = Noisy(4, hidden_size=5)
    symbols = torch.randint(4, (2, 30))
    assert torch.equal(torch.stack(cell.reconstruct(cell.compress(symbols))), symbols)
    assert cell.training
    assert cell.levels[0].net.training


@pytest.mark.gpu
def test_a_gpu_compresses_and_a_cpu_reconstructs():
    cell = made(1, 1.0, False, 4, 3, 4)
    symbols = torch.randint(4, (5, 40), generator=torch.Generator().manual_seed(0))
    codes = copy.deepcopy(cell).cuda().compress(symbols.cuda())
    assert codes == cell.compress(symbols)
    assert torch.equal(torch.stack(cell.reconstruct(codes)), symbols)


def test_weights_must_stay_as_they_were():
    cell = made(7, 1.0, False, 4, 1, 4)
    symbols = torch.tensor([[0, 1, 2, 3] * 10])
    codes = cell.compress(symbols)
    assert len(codes[0].surprises) < 40
    with torch.no_grad():
        cell.levels[0].head.weight.neg_()
    assert not torch.equal(cell.reconstruct(codes)[0], symbols[0])


def test_several_levels_without_times_are_refused():
    cell = made(0, 1.0, False, 3, 2, 0)
    for call in (lambda: cell.compress(torch.tensor([[1]])), lambda: cell.reconstruct([])):
        with pytest.raises(InvalidOption, match=r"time_bits = 0: .*set time_bits > 0, or use one level"):
            call()
    one = made(0, 1.0, False, 3, 1, 0)
    assert one.reconstruct(one.compress(torch.tensor([[1, 2]])))[0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("symbols", "lengths", "told"),
    [
        ([[1]], None, "symbols must be a tensor .*, got list"),
        (torch.tensor([1]), None, r"symbols must be .*, got \(1,\) of torch.int64"),
        (torch.tensor([[1.0]]), None, r"symbols must be .*, got \(1, 1\) of torch.float32"),
        (torch.tensor([[0, 3]]), None, "integers from 0 to 2, got 3"),
        (torch.tensor([[0, -1]]), None, "integers from 0 to 2, got -1"),
        (torch.tensor([[0, 1]]), [1], r"lengths must be a tensor \(1,\) .*, got list"),
        (torch.tensor([[0, 1]]), torch.tensor([1, 1]), r"lengths must be .*, got \(2,\)"),
        (torch.tensor([[0, 1]]), torch.tensor([1.0]), "lengths must be .* of torch.float32"),
        (torch.tensor([[0, 1]]), torch.tensor([3]), r"lengths must be .* from 0 to 2, got \[3\]"),
        (torch.tensor([[0, 1]]), torch.tensor([-1]), r"lengths must be .* from 0 to 2, got \[-1\]"),
    ],
)
def test_wrong_symbols_are_refused(symbols, lengths, told):
    with pytest.raises(InvalidInput, match=told):
        made(0, 1.0, False, 3, 1, 2).compress(symbols, lengths)


def test_symbols_past_a_length_may_be_anything():
    cell = made(0, 1.0, False, 3, 1, 2)
    (code,) = cell.compress(torch.tensor([[1, 2, -100]]), torch.tensor([2]))
    assert cell.reconstruct([code])[0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (Compressed((), (0,)), r"times from 2 levels, got \[1\]"),
        (Compressed((Surprise(0, (1,)),), (0, 0)), r"times from 2 levels, got \[1, 2\]"),
        (Compressed((Surprise(3, (1, 1)),), (0, 0)), "impossible symbol or time"),
        (Compressed((Surprise(0, (0, 1)),), (0, 0)), "impossible symbol or time"),
        (Compressed((Surprise(0, (1, 1)),), (0, -1)), "impossible symbol or time"),
        (Compressed((), (2, 0)), "made with other weights"),  # nothing is expected before the first
    ],
)
def test_impossible_codes_are_refused(code, told):
    with pytest.raises(InvalidInput, match=told):
        made(0, 1.0, False, 3, 2, 2).reconstruct([code])

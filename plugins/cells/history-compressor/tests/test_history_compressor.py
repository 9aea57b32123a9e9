"""The hierarchy by numbers worked by hand, and its own promises."""

import json
import math
import re
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from recurra import InvalidOption, Ref, leaves
from recurra.config.options import keyword_options
from recurra.plugins.registry import load
from recurra_history_compressor.cell import HistoryCompressor
from recurra_history_compressor.chunker import AutomatizerChunker
from recurra_history_compressor.clock import bits_of, number_of
from recurra_history_compressor.net import TanhRecurrent

SYMBOLS, HIDDEN, BITS = 3, 4, 2
NET = Ref("cell", "tanh-recurrent", hidden_size=HIDDEN)
CELLS = {"hierarchy": HistoryCompressor, "two nets": AutomatizerChunker}


def randomised(cell):
    torch.manual_seed(0)
    for p in cell.parameters():
        torch.nn.init.normal_(p)
    return cell.double()


def cycle(levels=2, symbols=SYMBOLS, **options):
    """A hierarchy whose first level is set by hand to expect (symbol + 1) mod A after each symbol."""
    net = Ref("cell", "tanh-recurrent", hidden_size=symbols)
    cell = HistoryCompressor(symbols, levels=levels, level=net, time_bits=BITS, **options).double()
    first = cell.levels[0]
    with torch.no_grad():
        first.net.from_x.weight.copy_(20 * torch.eye(symbols))  # unit i is 1 after symbol i, else 0
        first.net.from_h.weight.zero_()
        first.head.weight.copy_(20 * torch.eye(symbols).roll(1, 0))
    return cell


def one_hot(symbols, alphabet=SYMBOLS):
    return F.one_hot(torch.tensor(symbols), alphabet).double()


# --- Numbers worked by hand


def test_one_unit_by_hand():
    # One unit, W = (1, -1), no U, no b: h = tanh(1) after symbol 0 and tanh(-1) after 1. The head is (2, -2),
    # so after 0 the logits are ±2 tanh(1) and after 1 ∓2 tanh(1): the unit expects to see its input again.
    # The input 0 0 1: the first 0 comes without a prediction, the second is expected and costs
    # log(1 + e^(-4 tanh 1)), the 1 is not and costs log(1 + e^(4 tanh 1)); the mean is over these two.
    net = Ref("cell", "tanh-recurrent", hidden_size=1)
    cell = HistoryCompressor(2, levels=1, level=net).double()
    with torch.no_grad():
        cell.levels[0].net.from_x.weight.copy_(torch.tensor([[1.0, -1.0]]))
        cell.levels[0].net.from_h.weight.zero_()
        cell.levels[0].head.weight.copy_(torch.tensor([[2.0], [-2.0]]))
    y, state = cell(one_hot([[0, 0, 1]], 2))
    r = math.tanh(1)
    torch.testing.assert_close(y[0, :, 0], torch.tensor([r, r, -r], dtype=torch.float64))
    expected = (math.log1p(math.exp(-4 * r)) + math.log1p(math.exp(4 * r))) / 2
    assert math.isclose(cell.auxiliary_loss(state).item(), expected, rel_tol=1e-12)
    assert math.isclose(expected, 1.5696, abs_tol=1e-4)
    (only,) = state.levels
    assert (only.seen.item(), only.since.item()) == (3, 0)


def test_a_blind_level_costs_the_bits_of_its_inputs():
    # With all weights at zero each prediction costs log A, and one of a time K log 2 more.
    cell = HistoryCompressor(SYMBOLS, levels=2, level=NET, time_bits=BITS).double()
    for p in cell.parameters():
        torch.nn.init.zeros_(p)
    _, state = cell(one_hot([[1, 2, 1, 2]]))  # a blind level expects symbol 0, so all of these go up
    assert [s.seen.item() for s in state.levels] == [4, 4]
    expected = math.log(SYMBOLS) + math.log(SYMBOLS) + BITS * math.log(2)
    assert math.isclose(cell.auxiliary_loss(state).item(), expected, rel_tol=1e-12)


def test_surprises_go_up_with_their_times():
    # 0 1 2 are expected to go round; the first 0, the second 2 and the second 1 are not.
    cell = cycle(levels=1)
    (code,) = cell.compress(torch.tensor([[0, 1, 2, 2, 0, 1, 1, 2]]))
    assert code == (((0, (1,)), (2, (3,)), (1, (3,))), (1,))
    assert [row.tolist() for row in cell.reconstruct([code])] == [[0, 1, 2, 2, 0, 1, 1, 2]]


def test_elapsed_time_in_binary():
    got = bits_of(torch.tensor([[1, 2, 3, 4, 99]]), 2)
    assert got.tolist() == [[[1, 0], [0, 1], [1, 1], [1, 1], [1, 1]]]  # 4 and 99 need more than two digits
    assert bits_of(torch.tensor([[6]]), 4).tolist() == [[[0, 1, 1, 0]]]
    assert bits_of(torch.zeros(2, 0, dtype=torch.int64), 3).shape == (2, 0, 3)
    assert number_of(bits_of(torch.arange(16)[None], 4)).tolist() == [list(range(16))]


# --- A predictor that is right


def test_a_predictable_stream_surprises_nobody_above_the_first_level():
    cell, steps = cycle(levels=3), 3 * 50
    x = one_hot([[t % SYMBOLS for t in range(steps)]])
    state = cell.initial_state(1)
    unexpected = []
    for x_t in x.unbind(1):
        _, state = cell.step(x_t, state)
        unexpected.append(cell.diagnostics(state)["unexpected at level"][0].tolist())
    assert unexpected == [[1, 1, 1]] + [[0, 0, 0]] * (steps - 1)  # the very first has nobody to expect it
    assert [s.seen.item() for s in state.levels] == [steps, 1, 1]
    (code,) = cell.compress(x.argmax(-1))
    assert code == (((0, (1, 1, 1)),), (steps - 1, 0, 0))


def test_a_row_without_a_surprise_keeps_what_is_above_to_the_bit():
    cell = cycle(levels=2)
    _, before = cell(one_hot([[0, 1], [0, 1]]))
    _, after = cell(one_hot([[2], [0]]), before)  # expected in row 0, not in row 1
    old, new = dict(leaves(before.levels[1])), dict(leaves(after.levels[1]))
    for name in old:
        assert torch.equal(new[name][0], old[name][0]), name
    assert new["state.seen"].tolist() == [1, 2]
    assert not torch.equal(new["state.h"][1], old["state.h"][1])


def test_confidence_makes_a_right_but_weak_prediction_a_surprise():
    # Blind levels put 1/2 on each of two symbols, and expect 0.
    net = Ref("cell", "tanh-recurrent", hidden_size=1)
    for confidence, unexpected in ((0.0, 1), (0.499, 1), (0.501, 4)):
        cell = HistoryCompressor(2, levels=1, level=net, confidence=confidence).double()
        for p in cell.parameters():
            torch.nn.init.zeros_(p)
        (code,) = cell.compress(torch.tensor([[0, 0, 0, 0]]))
        assert len(code.surprises) == unexpected
        (only,) = cell(one_hot([[0, 0, 0, 0]], 2))[1].levels
        assert only.since.item() == 4 - unexpected
        assert cell.reconstruct([code])[0].tolist() == [0, 0, 0, 0]


def test_a_time_that_bits_cannot_write_is_never_expected():
    # Level 2 is set to expect symbol 0 after 3 inputs, the largest time that two bits can write; 4 looks like
    # 3 to its net. Level 1, which goes round 0 1 2, is surprised by the first 1, by a 0 after 3 inputs and by
    # a 0 after 4.
    cell = cycle(levels=2)
    with torch.no_grad():
        cell.levels[1].head.weight.zero_()
        cell.levels[1].head.bias.copy_(torch.tensor([9.0, 0, 0, 9, 9]))
    symbols = [1, 2, 0, 0, 1, 2, 0, 0]
    assert cell(one_hot([symbols[:4]]))[1].levels[1].since.item() == 1  # the 0 after 3 was expected
    assert cell(one_hot([symbols]))[1].levels[1].since.item() == 0  # the 0 after 4 was not
    codes = cell.compress(torch.tensor([symbols]))
    assert codes == [(((1, (1, 1)), (0, (4, 2))), (0, 0))]
    assert cell.reconstruct(codes)[0].tolist() == symbols


# --- Learning


@pytest.mark.parametrize("kind", CELLS)
def test_a_few_updates_lower_the_own_loss_and_surprise_less(kind):
    torch.manual_seed(0)
    cell = CELLS[kind](4, level={"hidden_size": 16}, time_bits=4)
    symbols = torch.tensor([[0, 1, 2, 3, 3, 2, 1, 0] * 4, [2, 3, 3, 2, 1, 0, 0, 1] * 4])
    x, before = F.one_hot(symbols, 4).float(), [len(c.surprises) for c in cell.compress(symbols)]
    optimizer = torch.optim.Adam(cell.parameters(), lr=0.02)
    losses = []
    for _ in range(40):
        loss = cell.auxiliary_loss(cell(x)[1]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    after = cell.compress(symbols)
    assert sum(len(c.surprises) for c in after) < sum(before) / 2
    assert torch.equal(torch.stack(cell.reconstruct(after)), symbols)


# --- Options


@pytest.mark.parametrize(("A", "H", "K", "S"), [(3, 4, 2, 1), (22, 24, 8, 2), (5, 6, 3, 4)])
def test_number_of_parameters(A, H, K, S):
    net = Ref("cell", "tanh-recurrent", hidden_size=H)
    widths = [A + K * s for s in range(S)]
    expected = sum(H * (i + H + 1) + (H + 1) * i for i in widths)
    cell = HistoryCompressor(A, levels=S, level=net, time_bits=K)
    assert sum(p.numel() for p in cell.parameters()) == expected
    assert cell.output_size == S * H
    if S == 2:
        two = AutomatizerChunker(A, level=net, time_bits=K)
        assert sum(p.numel() for p in two.parameters()) == expected + (H + 1) * (H + A + K)


def test_any_cell_may_predict():
    cell = HistoryCompressor(SYMBOLS, level={"name": "lstm", "hidden_size": 6})
    assert [type(level.net).__name__ for level in cell.levels] == ["LSTM", "LSTM"]
    assert cell.output_size == 12


def test_a_net_with_a_loss_of_its_own_adds_it():
    inner = Ref("cell", "history-compressor", levels=1, level=NET)
    cell = randomised(HistoryCompressor(SYMBOLS, levels=1, level=inner))
    _, state = cell(one_hot([[0, 1, 1, 2]]))
    (level,), (s,) = cell.levels, state.levels
    torch.testing.assert_close(cell.auxiliary_loss(state), s.loss / 3 + level.net.auxiliary_loss(s.net))


def test_the_net_is_elmans_and_starts_with_the_same_weights():
    nets = []
    for kind in (TanhRecurrent, load("cell", "elman")):
        torch.manual_seed(3)
        nets.append(kind(SYMBOLS, hidden_size=HIDDEN))
    ours, elman = nets
    assert all(torch.equal(p, elman.get_parameter(name)) for name, p in ours.named_parameters())
    torch.nn.init.normal_(ours.from_x.bias)
    elman.load_state_dict(ours.state_dict())
    x = torch.randn(2, 5, SYMBOLS)
    torch.testing.assert_close(ours(x)[0], elman(x)[0])


def test_the_nets_start():
    net = TanhRecurrent(SYMBOLS, hidden_size=HIDDEN)
    assert not net.from_x.bias.any()
    U = net.from_h.weight.detach()
    torch.testing.assert_close(U @ U.T, torch.eye(HIDDEN), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"levels": 0}, "HistoryCompressor: levels = 0: .*greater than 0"),
        ({"time_bits": -1}, "HistoryCompressor: time_bits = -1: "),
        ({"time_bits": 33}, "HistoryCompressor: time_bits = 33: "),
        ({"confidence": 1.0}, "HistoryCompressor: confidence = 1.0: .*less than 1"),
        ({"level": 3}, "HistoryCompressor: level = 3: .*a cell by reference"),
        ({"level": {"hidden": 3}}, "TanhRecurrent: unknown option 'hidden'"),
        ({"time_bit": 4}, r"HistoryCompressor: unknown option 'time_bit'; did you mean 'time_bits'\?"),
    ],
)
def test_wrong_options_are_refused_by_name(options, told):
    with pytest.raises(InvalidOption, match=told):
        HistoryCompressor(SYMBOLS, **options)


def test_the_readme_names_every_option_and_its_code_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    for component in (HistoryCompressor, AutomatizerChunker, TanhRecurrent):
        for option, (_, default) in keyword_options(component).items():
            shown = default.name if isinstance(default, Ref) else json.dumps(default).strip('"')
            assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", text, re.MULTILINE), option
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, {})

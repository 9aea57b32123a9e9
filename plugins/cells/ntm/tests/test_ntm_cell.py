"""The Neural Turing Machine as a cell: its parts by reference, its size, its start."""

import json
import re
from pathlib import Path

import pytest
import torch

from recurra import InvalidOption, Ref, leaves
from recurra.config.options import keyword_options
from recurra_ntm.cell import NTM
from recurra_ntm.feed_forward import FeedForward
from recurra_ntm.memory import NTMMemory


def count(module):
    return sum(p.numel() for p in module.parameters())


def learned(**options):
    return Ref("memory", "ntm", initial_memory="learned", **options)


@pytest.mark.parametrize(
    ("controller", "published"),
    [(Ref("cell", "feed-forward", hidden_size=100), 17_162), (Ref("cell", "lstm", hidden_size=100), 67_561)],
)
def test_the_size_on_copy_is_within_a_tenth_of_the_papers(controller, published):
    cell = NTM(10, controller=controller, memory=learned())  # 8 bits and two control channels in
    readout = (cell.output_size + 1) * 9  # 8 bits and one control channel out
    assert abs(count(cell) + readout - published) < 0.1 * published


def test_the_size_is_that_of_its_parts():
    # Controller 7 (2 + 2·3 + 1) = 63; interface (7 + 1) v, with v = 4 heads (3 + 3 + 3) + 2·2·3 = 48; r_0 6.
    memory = Ref("memory", "ntm", slots=5, width=3, read_heads=2, write_heads=2)
    cell = NTM(2, controller=Ref("cell", "feed-forward", hidden_size=7), memory=memory)
    assert cell.memory.input_size == 4 * (3 + 2 * 1 + 4) + 2 * 2 * 3
    assert count(cell) == 63 + 384 + 6
    assert count(NTM(2, memory=learned(slots=5, width=3, initial_weighting="learned"))) == (
        100 * (2 + 3 + 1) + 101 * (2 * 9 + 6) + 3 + 5 * 3 + 2 * 5
    )


def test_parts_are_chosen_by_dictionaries_as_in_a_file():
    cell = NTM(2, controller={"name": "lstm", "hidden_size": 6}, memory={"slots": 4, "width": 3})
    assert type(cell.controller).__name__ == "LSTM"
    assert cell.output_size == 6 + 3
    assert cell.memory.options["slots"] == 4
    assert [name for name, _ in leaves(cell.initial_state(1))] == [
        *("state.controller.h", "state.controller.c"),
        *("state.memory.M", "state.memory.w_r", "state.memory.w_w", "state.r"),
    ]


def test_an_option_of_a_part_is_checked_with_the_part():
    with pytest.raises(InvalidOption, match=r"NTMMemory: unknown option 'slot'; did you mean 'slots'\?"):
        NTM(2, memory={"slot": 4})


def test_y_shows_what_was_read_at_this_very_step():
    cell = NTM(2, memory={"slots": 4, "width": 3})
    y, state = cell(torch.randn(2, 1, 2))
    assert torch.equal(y[:, 0, -3:], state.r)


def test_views_show_weightings_and_read_vectors():
    cell = NTM(2, memory={"slots": 4, "width": 3})
    views = cell.diagnostics(cell.initial_state(2))
    assert {name: tuple(view.shape) for name, view in views.items()} == {
        "read weighting 1": (2, 4),
        "write weighting 1": (2, 4),
        "read vectors": (2, 3),
    }


@pytest.mark.parametrize("controller", ["feed-forward", "lstm"])
def test_autocast_computes_in_bfloat16_and_keeps_the_state(controller):
    torch.manual_seed(0)
    cell = NTM(3, controller={"name": controller}, memory={"slots": 8, "width": 4})
    x = torch.randn(2, 5, 3)
    expected, _ = cell(x)
    with torch.autocast("cpu", torch.bfloat16):
        y, state = cell(x)
        y_next, _ = cell(x, state, lengths=torch.tensor([5, 2]))
    torch.testing.assert_close(y.float(), expected, rtol=3e-2, atol=3e-2)
    assert {leaf.dtype for _, leaf in leaves(state)} == {torch.float32}
    y_next.float().sum().backward()
    assert all(p.grad.isfinite().all() for p in cell.parameters())


def test_feed_forward_is_a_hidden_layer_without_state():
    layer = FeedForward(3, hidden_size=5)
    x = torch.randn(2, 4, 3)
    y, state = layer(x)
    assert state == ()
    assert count(layer) == 5 * (3 + 1)
    expected = torch.tanh(x @ layer.layer.weight.T + layer.layer.bias)
    torch.testing.assert_close(y, expected)


def test_the_readme_names_every_option_and_its_code_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    for component in (NTM, NTMMemory, FeedForward):
        for option, (_, default) in keyword_options(component).items():
            shown = default.name if isinstance(default, Ref) else json.dumps(default).strip('"')
            assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", text, re.MULTILINE), option
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, {})

"""The memory by hand, its options one by one, and what it refuses."""

import json
import math
import re
from pathlib import Path

import pytest
import torch

from recurra import InvalidOption, Tags, leaves
from recurra.config.options import keyword_options
from recurra_evolving_ntm.memory import EvolvingNTMMemory, TapeOverflow

LEFT, STAY, RIGHT = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
LN3 = math.log(3)  # σ(ln 3) = 3/4 and σ(-ln 3) = 1/4


def memory(width=2, **options):
    return EvolvingNTMMemory(width=width, **{"activation": "identity", "capacity": 8, **options}).double()


def run(machine, *program):
    """Run steps (v, i, j, s) from the start; return all reads (T, W), and the tape from left to right."""
    x = torch.tensor([[[*v, i, j, *s] for v, i, j, s in program]], dtype=torch.float64)
    read, (M, first, length, head) = machine(x)
    tape = M[0, (first + torch.arange(int(length))) % machine.capacity]
    return read[0], tape, int((head - first) % machine.capacity)


def close(got, *expected):
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-15)


def test_three_steps_by_hand():
    program = [
        # 1/2 (0.8, 0.4) is written; to the right of it a cell of zeros is added, and read.
        ((0.8, 0.4), 0.5, 0.0, RIGHT),
        # 3/4 (0.2, 0.6) is written. v is similar to the cells by 1 - (0.2 + 0.4) / 2 = 0.7 and
        # 1 - (0.05 + 0.15) / 2 = 0.9, so that the head stays, but before the write by 0.7 and 0.6.
        ((0.2, 0.6), 0.75, 0.5, LEFT),
        # Nothing is written; similar by 0.95 and 0.7. To the left of the first cell another is added.
        ((0.5, 0.2), 0.0, 1.0, LEFT),
    ]
    read, tape, head = run(memory(), *program)
    close(read, [0.0, 0.0], [0.4, 0.2], [0.0, 0.0])
    close(tape, [0.0, 0.0], [0.4, 0.2], [0.15, 0.45])
    assert head == 0


def test_what_is_emitted_passes_through_the_logistic_function():
    """3/4 · (3/4, 1/4) is written, and j = σ(0) is just enough to jump back to it from the right."""
    machine = memory(activation="logistic")
    away, back = ((LN3, -LN3), LN3, -0.01, RIGHT), ((LN3, -LN3), -800.0, 0.0, STAY)
    read, tape, head = run(machine, away, back)
    close(read, [0.0, 0.0], [9 / 16, 3 / 16])
    close(tape, [9 / 16, 3 / 16], [0.0, 0.0])
    assert head == 0


def test_the_first_of_equal_maxima_counts():
    three = [((1.0, 1.0), 1.0, 0.0, s) for s in (LEFT, LEFT, (0.5, 0.5, 0.0))]  # the last moves left too
    _, tape, head = run(memory(), *three, ((1.0, 1.0), 0.0, 1.0, STAY))
    close(tape, [0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0])
    assert head == 1


def test_shifts_that_the_logistic_function_rounds_to_one_differ_still():
    _, _, head = run(memory(activation="logistic"), ((0.0, 0.0), 0.0, -1.0, (50.0, 70.0, 90.0)))
    assert head == 1


@pytest.mark.parametrize(("j", "head"), [(0.74, 1), (0.75, 0)])
def test_jump_threshold(j, head):
    machine = memory(jump_threshold=0.75)
    assert run(machine, ((1.0, 1.0), 1.0, 0.0, RIGHT), ((1.0, 1.0), 0.0, j, STAY))[2] == head


@pytest.mark.parametrize(("least", "head"), [(None, 0), (0.625, 0), (0.65, 2)])
def test_min_similarity(least, head):
    """v is similar to (0.5, 0.5), 0 and 0 by 1 - (0.5 + 0.25) / 2 = 0.625 and twice 0.125."""
    write = ((0.5, 0.5), 1.0, 0.0, RIGHT)
    jump = ((1.0, 0.75), 0.0, 1.0, STAY)
    still = ((0.0, 0.0), 0.0, 0.0, RIGHT)
    back = ((0.0, 0.0), 0.0, 0.0, LEFT)
    assert run(memory(min_similarity=least), write, still, back, jump)[2] == head


@pytest.mark.parametrize(("i", "cell"), [(0.49, [0.0, 0.0]), (0.5, [0.8, 0.4])])
def test_overwrite(i, cell):
    close(run(memory(write="overwrite"), ((0.8, 0.4), i, 0.0, STAY))[1], cell)


@pytest.mark.parametrize(("threshold", "cells"), [(None, 1), (0.5, 1), (0.625, 2)])
def test_expand_threshold(threshold, cells):
    """The cell is (0, 0) and then (0.5, 0.25): similar by 1 - 0.75 / 2 = 0.625."""
    machine = memory(expand_threshold=threshold)
    _, tape, head = run(machine, ((0.5, 0.25), 1.0, 0.0, STAY))
    assert (len(tape), head) == (cells, 0)


ENDS = [
    # From cell 2 of 4, two steps right and then two left.
    ("finite", [3, 0, 3, 2]),
    ("finite-original", [0, 0, 3, 3]),
]


@pytest.mark.parametrize(("tape", "heads"), ENDS)
def test_the_ends_of_a_full_tape(tape, heads):
    machine = memory(tape=tape, capacity=4)
    still = (0.0, 0.0), 0.0, 0.0
    fill = [(*still, LEFT)] * 3
    to_cell_2 = [((1.0, 1.0), 1.0, 0.0, STAY)]
    x = [[*v, i, j, *s] for v, i, j, s in [*fill, *to_cell_2]]
    _, state = machine(torch.tensor([x], dtype=torch.float64))
    assert int(state.length) == 4
    state = state._replace(head=(state.first + 2) % 4)
    found = []
    for s in (RIGHT, RIGHT, LEFT, LEFT):
        _, state = machine.step(torch.tensor([[0.0, 0.0, 0.0, 0.0, *s]], dtype=torch.float64), state)
        found.append(int((state.head - state.first) % 4))
    assert found == heads
    assert int(state.length) == 4


FULL = r"a tape needs more than its capacity of 5 cells; T steps need at most T \+ 1"


@pytest.mark.parametrize("way", [LEFT, RIGHT])
def test_a_tape_that_needs_more_than_its_capacity_says_so(way):
    """Five steps need six cells: with room for six all is well, and with five the last step is refused."""
    program = torch.tensor([[[1.0, 1.0, 1.0, 0.0, *s]] * 5 for s in (way, STAY)], dtype=torch.float64)
    read, _ = memory(capacity=6)(program)
    assert read.isfinite().all()
    small = memory(capacity=5)
    read, _ = small(program[:, :4])
    assert read.isfinite().all()
    with pytest.raises(TapeOverflow, match=FULL):
        small(program)
    with pytest.raises(TapeOverflow, match=FULL):
        small(program, lengths=torch.tensor([5, 1]))
    read, _ = memory(capacity=5, tape="finite")(program)
    assert read.isfinite().all()


def test_under_vmap_where_nothing_can_be_said_the_row_reads_nan():
    program = torch.tensor([[[1.0, 1.0, 1.0, 0.0, *s]] * 5 for s in (RIGHT, STAY)], dtype=torch.float64)
    small = memory(capacity=5)
    read, state = torch.func.vmap(lambda row: small(row[None]))(program)
    assert read[:, 0, :4].isfinite().all()
    assert read[0, 0, 4].isnan().all()
    assert torch.equal(read[1, 0], torch.ones(5, 2).double())
    assert small.overflowed(state)[:, 0].tolist() == [True, False]


def test_sizes_state_and_tags():
    machine = EvolvingNTMMemory()
    assert (machine.input_size, machine.output_size) == (11 + 5, 11)
    assert not list(machine.parameters())
    assert not machine.state_dict()
    assert machine.tags == Tags(differentiable=False)
    start = machine.double().initial_state(3)
    assert {name: tuple(t.shape) for name, t in leaves(start)} == {
        "state.M": (3, 256, 11),
        "state.first": (3,),
        "state.length": (3,),
        "state.head": (3,),
    }
    assert start.M.dtype == machine.initial_read(3).dtype == torch.float64
    assert not start.M.any()
    assert not machine.initial_read(3).any()
    assert (start.first.tolist(), start.length.tolist(), start.head.tolist()) == ([0] * 3, [1] * 3, [0] * 3)


def test_views_show_the_head_and_the_tape():
    machine = memory(capacity=4)
    _, state = machine(torch.tensor([[[0.0, 0.0, 0.0, 0.0, *LEFT]]], dtype=torch.float64))
    views = machine.diagnostics(state)
    assert views["head weighting"].tolist() == [[0.0, 0.0, 0.0, 1.0]]
    assert views["cells of the tape"].tolist() == [[1.0, 0.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"width": 0}, "EvolvingNTMMemory: width = 0: .*greater than 0"),
        ({"capacity": 1.5}, "EvolvingNTMMemory: capacity = 1.5: "),
        ({"tape": "infinite"}, "EvolvingNTMMemory: tape = 'infinite': .*unbounded.*finite.*finite-original"),
        ({"write": "add"}, "EvolvingNTMMemory: write = 'add': .*interpolate.*overwrite"),
        ({"jump_threshold": 1.5}, "EvolvingNTMMemory: jump_threshold = 1.5: .*1"),
        ({"min_similarity": -0.5}, "EvolvingNTMMemory: min_similarity = -0.5: .*0"),
        ({"expand_threshold": 2.0}, "EvolvingNTMMemory: expand_threshold = 2.0: .*1"),
        ({"activation": "tanh"}, "EvolvingNTMMemory: activation = 'tanh': .*logistic.*identity"),
        ({"length": 3}, "EvolvingNTMMemory: unknown option 'length'"),
    ],
)
def test_wrong_options_are_refused_by_name(options, told):
    with pytest.raises(InvalidOption, match=told):
        EvolvingNTMMemory(**options)


def test_the_readme_names_every_option_and_its_code_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    for option, (_, default) in keyword_options(EvolvingNTMMemory).items():
        shown = "none" if default is None else json.dumps(default).strip('"')
        assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", text, re.MULTILINE), option
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for code in blocks:
        exec(code, {})

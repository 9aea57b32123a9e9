"""The memory against a machine that keeps its tape in a Python list, over random programs, to the bit."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra_evolving_ntm.memory import EvolvingNTMMemory, TapeOverflow


class Machine:
    """One machine, one row: a list of cells, each a list of numbers, and the index of the head."""

    def __init__(self, width, options):
        self.width, self.options = width, options
        self.most = options["capacity"] if options["tape"] != "unbounded" else math.inf
        self.tape, self.head = [[0.0] * width], 0

    def step(self, emitted):
        if self.options["activation"] == "logistic":
            emitted = [1 / (1 + math.exp(-x)) for x in emitted]
        vector, (i, j), shifts = emitted[: self.width], emitted[self.width : -3], emitted[-3:]
        self.write(vector, i)
        if j >= self.options["jump_threshold"]:
            self.jump(vector)
        self.shift(shifts.index(max(shifts)) - 1)
        return self.tape[self.head]

    def write(self, vector, i):
        old = self.tape[self.head]
        if self.options["write"] == "interpolate":
            new = [i * a + (1 - i) * b for a, b in zip(vector, old, strict=True)]
        else:
            new = list(vector) if i >= 0.5 else old
        self.tape[self.head] = new
        threshold, at_end = self.options["expand_threshold"], self.head == len(self.tape) - 1
        if threshold is not None and at_end and len(self.tape) < self.most and alike(old, new) <= threshold:
            self.tape.append([0.0] * self.width)

    def jump(self, vector):
        best, best_alike = None, -math.inf
        for index, cell in enumerate(self.tape):
            if alike(vector, cell) > best_alike:
                best, best_alike = index, alike(vector, cell)
        least = self.options["min_similarity"]
        self.head = best if least is None or best_alike >= least else len(self.tape) - 1

    def shift(self, by):
        full = len(self.tape) >= self.most
        if by and full and self.options["tape"] == "finite-original":
            self.head = 0 if by > 0 else len(self.tape) - 1
            return
        self.head += by
        if full:
            self.head %= len(self.tape)
        elif self.head < 0:
            self.tape.insert(0, [0.0] * self.width)
            self.head = 0
        elif self.head == len(self.tape):
            self.tape.append([0.0] * self.width)


def alike(u, v):
    return 1 - sum(abs(a - b) for a, b in zip(u, v, strict=True)) / len(u)


# Quarters, and no more than 20 steps that mix by quarters: every sum and product has less than 53 bits.
QUARTERS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
OPTIONS = st.fixed_dictionaries(
    {
        "capacity": st.integers(1, 24),
        "tape": st.sampled_from(["unbounded", "finite", "finite-original"]),
        "write": st.sampled_from(["interpolate", "overwrite"]),
        "jump_threshold": QUARTERS,
        "min_similarity": st.none() | QUARTERS,
        "expand_threshold": st.none() | QUARTERS,
        "activation": st.just("identity"),
    }
)


def compare_row(memory, machine, r, state, check):
    """Compare one row of the memory after a step with the machine: what was read, and the tape."""
    M, first, length, head = state
    assert length == len(machine.tape)
    assert (head - first) % memory.capacity == machine.head
    cells = M[(first + torch.arange(len(machine.tape))) % memory.capacity]
    check(cells, machine.tape)
    check(r, machine.tape[machine.head])
    assert M.count_nonzero() == cells.count_nonzero()  # outside the tape there are zeros


def check_programs(memory, programs, check):
    """Step all rows side by side, until a tape of a machine is longer than there is room."""
    machines = [Machine(memory.output_size, memory.options) for _ in programs]
    state = memory.initial_state(len(programs))
    for emitted in torch.tensor(programs, dtype=torch.float64).unbind(1):
        for machine, numbers in zip(machines, emitted.tolist(), strict=True):
            machine.step(numbers)
        if any(len(machine.tape) > memory.capacity for machine in machines):
            with pytest.raises(TapeOverflow):
                memory.step(emitted, state)
            return
        r, state = memory.step(emitted, state)
        for row, machine in enumerate(machines):
            compare_row(memory, machine, r[row], [leaf[row] for leaf in state], check)


def equal(got, expected):
    assert got.tolist() == expected


@settings(deadline=None, max_examples=400)
@given(
    data=st.data(), options=OPTIONS, width=st.integers(1, 4), rows=st.integers(1, 3), steps=st.integers(1, 20)
)
def test_random_programs_give_the_same_bits(data, options, width, rows, steps):
    memory = EvolvingNTMMemory(width=width, **options).double()
    # A row leans to one side, so that tapes grow long on either; jumps are rare enough to let them.
    programs = []
    for _ in range(rows):
        lean = data.draw(st.sampled_from([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.5, 0.5]]))
        shifts = st.just(lean) | st.lists(QUARTERS, min_size=3, max_size=3)
        jumps = st.just(0.0) | QUARTERS
        program = []
        for _ in range(steps):
            vector = data.draw(st.lists(QUARTERS, min_size=width, max_size=width))
            program.append([*vector, data.draw(QUARTERS), data.draw(jumps), *data.draw(shifts)])
        programs.append(program)
    check_programs(memory, programs, equal)


def close(got, expected):
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-13)


@pytest.mark.parametrize("expand", [None, 0.8])
@pytest.mark.parametrize("tape", ["unbounded", "finite", "finite-original"])
def test_real_numbers_give_the_same_moves(tape, expand):
    memory = EvolvingNTMMemory(width=3, tape=tape, capacity=30, expand_threshold=expand).double()
    x = 2 * torch.randn(16, 60, memory.input_size, dtype=torch.float64, generator=torch.manual_seed(0))
    check_programs(memory, x.tolist(), close)

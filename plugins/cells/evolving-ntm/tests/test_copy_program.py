"""The copy task, solved by a program that is written down: weights set by hand, nothing evolved."""

import pytest
import torch

from recurra import MemoryCell
from recurra_contract import Identity
from recurra_evolving_ntm.memory import EvolvingNTMMemory, TapeOverflow

BITS = 8
START, END = BITS, BITS + 1  # channels of x
MARK, FILLED = BITS, BITS + 1  # numbers of a cell, beside the bits
WIDTH = BITS + 2
SURE = 800.0  # σ(800) = 1 and σ(-800) = 0, exactly
WRITE, JUMP, LEFT, STAY, RIGHT = range(WIDTH, WIDTH + 5)


def copier(**options):
    """Write while cells read empty and shift right; at the end jump to the mark, then read to the right."""
    memory = EvolvingNTMMemory(width=WIDTH, **options)
    cell = MemoryCell(Identity(BITS + 2 + WIDTH), memory).double()  # emits x and the last read
    weight, bias = torch.zeros_like(cell.interface.weight), torch.full_like(cell.interface.bias, -SURE)
    seen, read = 0, BITS + 2  # where in [x, r] they begin
    for bit in range(BITS):
        weight[bit, seen + bit] = 2 * SURE
    weight[MARK, [seen + START, seen + END]] = 2 * SURE  # written at the start, looked for at the end
    weight[FILLED, [seen + START, seen + END]] = -2 * SURE
    bias[FILLED] = SURE
    weight[WRITE, [seen + END, read + MARK, read + FILLED]] = -2 * SURE
    weight[JUMP, seen + END] = 2 * SURE
    weight[RIGHT, seen + END] = -2 * SURE
    bias[WRITE], bias[STAY], bias[RIGHT] = SURE, 0.0, SURE
    with torch.no_grad():
        cell.interface.weight.copy_(weight)
        cell.interface.bias.copy_(bias)
    return cell


def shown(vectors):
    """Start, L vectors, end, one idle step, L steps for the answer: x (B, 2 L + 3, BITS + 2)."""
    batch_size, length, _ = vectors.shape
    x = torch.zeros(batch_size, 2 * length + 3, BITS + 2, dtype=torch.float64)
    x[:, 0, START] = x[:, length + 1, END] = 1
    x[:, 1 : length + 1, :BITS] = vectors
    return x


@pytest.mark.parametrize("length", [1, 10, 50, 120])
def test_it_copies_without_an_error(length):
    rng = torch.Generator().manual_seed(length)
    vectors = torch.randint(2, (16, length, BITS), generator=rng).double()
    vectors[1], vectors[2, : length // 2 + 1] = 0.0, 1.0  # vectors of zeros, and many that are equal
    cell = copier()
    y, state = cell(shown(vectors))
    answer = y[:, length + 3 :, BITS + 2 : BITS + 2 + BITS]  # what the controller was given as the last read
    assert torch.equal(answer, vectors)
    assert state.memory.length.tolist() == [length + 2] * 16  # the mark, the vectors and the cell after them


def test_a_tape_of_just_the_right_length_will_do_and_a_shorter_one_will_not():
    vectors = torch.randint(2, (4, 50, BITS), generator=torch.Generator().manual_seed(3)).double()
    answers = {}
    for tape, capacity in [("finite", 52), ("unbounded", 52), ("finite", 30)]:
        y, _ = copier(tape=tape, capacity=capacity)(shown(vectors))
        answers[tape, capacity] = y[:, 53:, BITS + 2 : BITS + 2 + BITS]
    assert torch.equal(answers["finite", 52], vectors)
    assert torch.equal(answers["unbounded", 52], vectors)
    assert answers["finite", 30].isfinite().all()
    assert not torch.equal(answers["finite", 30], vectors)
    with pytest.raises(TapeOverflow, match="more than its capacity of 30 cells"):
        copier(tape="unbounded", capacity=30)(shown(vectors))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sure_decisions_are_the_same_in_less_precision(dtype):
    vectors = torch.randint(2, (4, 50, BITS), generator=torch.Generator().manual_seed(4)).double()
    y, _ = copier().to(dtype)(shown(vectors).to(dtype))
    assert torch.equal(y[:, 53:, BITS + 2 : BITS + 2 + BITS].double(), vectors)


def test_the_picture_of_the_head_is_a_staircase_twice():
    """Right over mark and three vectors, back to the mark, and right again."""
    vectors = torch.ones(1, 3, BITS, dtype=torch.float64)
    cell, state = copier(capacity=6), None
    slots = []
    for x in shown(vectors).split(1, 1):
        _, state = cell(x, state)
        slots.append(int(cell.diagnostics(state)["head weighting"].argmax()))
    assert slots == [1, 2, 3, 4, 0, 1, 2, 3, 4]

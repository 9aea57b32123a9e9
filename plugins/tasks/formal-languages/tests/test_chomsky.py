"""The fifteen transductions against answers in plain Python, and the examples of their source."""

import itertools
import math
from collections import Counter
from typing import get_args

import pytest
import torch

from recurra import InvalidOption
from recurra_formal_languages import binary, expressions, strings
from recurra_formal_languages.chomsky import LEVELS, PROBLEMS, Chomsky, Name

ARITHMETIC = expressions.SYMBOLS


def stack_left(symbols):
    stack = []
    for symbol in symbols:
        if symbol == 2:
            stack = stack[:-1]
        else:
            stack.append(symbol % 3 if symbol < 2 else symbol - 3)
    return [*reversed(stack), 2]


def value(symbols):
    # Python's own parser is the oracle; a sign in front of a digit binds as it should.
    return eval("".join(ARITHMETIC[s] for s in symbols)) % 5


def solutions(symbols):
    left, right = "".join(ARITHMETIC[s] for s in symbols).split("=")
    return [x for x in range(5) if eval(left.replace("x", str(x))) % 5 == int(right)]


def number(bits):
    return int("".join(map(str, reversed(bits))), 2)


def little_endian(n):
    return [int(bit) for bit in reversed(f"{n:b}")]


def calculated(operation):
    def answer(symbols):
        middle = symbols.index(2)
        return [*little_endian(operation(number(symbols[:middle]), number(symbols[middle + 1 :]))), 2]

    return answer


def missing(symbols):
    half, hole = len(symbols) // 2, symbols.index(2)
    return [symbols[(hole + half) % (2 * half)]]


ORACLES = {
    "even-pairs": lambda s: [sum(a != b for a, b in itertools.pairwise(s)) % 2],
    "parity-check": lambda s: [s.count(1) % 2],
    "cycle-navigation": lambda s: [(s.count(2) - s.count(0)) % 5],
    "stack-manipulation": stack_left,
    "reverse-string": lambda s: s[::-1],
    "duplicate-string": lambda s: s + s,
    "missing-duplicate": missing,
    "odds-first": lambda s: s[0::2] + s[1::2],
    "bucket-sort": sorted,
    "modular-arithmetic-simple": lambda s: [value(s)],
    "modular-arithmetic": lambda s: [value(s)],
    "solve-equation": solutions,
    "binary-addition": calculated(lambda a, b: a + b),
    "binary-multiplication": calculated(lambda a, b: a * b),
    "compute-sqrt": lambda s: [
        int(bit) for bit in f"{math.isqrt(number(s[::-1])):b}".zfill((len(s) + 1) // 2)
    ],
}


def read(batch, symbols):
    """The strings of a batch and the answers that count."""
    for x, target, mask in zip(batch.x, batch.target, batch.mask, strict=True):
        assert (x.sum(-1) == 1).all()
        tape = x.argmax(-1).tolist()
        length = tape.index(symbols)
        assert tape[length:] == [symbols] * (len(tape) - length)
        due = mask.nonzero()[:, 0]
        assert due.tolist() == list(range(length, length + len(due)))
        yield tape[:length], target[due].tolist()


def test_there_are_fifteen_on_three_levels():
    names = [name for level in LEVELS.values() for name in level]
    assert len(names) == 15
    assert sorted(names) == sorted(PROBLEMS) == sorted(get_args(Name)) == sorted(ORACLES)
    assert [len(level) for level in LEVELS.values()] == [4, 4, 7]


@pytest.mark.parametrize(
    ("name", "length"),
    [(n, k) for n in PROBLEMS for k in (1, 2, 3, 4, 5, 6, 7, 12, 40, 101) if k >= PROBLEMS[n].shortest],
)
def test_the_answer_is_that_of_the_oracle(name, length):
    task = Chomsky(task=name, min_length=length, max_length=length)
    batch = task.sample(60, torch.Generator().manual_seed(length))
    for symbols, answer in read(batch, PROBLEMS[name].symbols):
        assert len(symbols) == (length - (length + 1) % 2 if name == "modular-arithmetic-simple" else length)
        assert answer == ORACLES[name](symbols)


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_symbol_and_every_answer_occurs(name):
    task = Chomsky(task=name, min_length=12, max_length=13)
    drawn = [
        pair
        for k in range(6)
        for pair in read(task.batch(k, batch_size=50, seed=0, split="train"), PROBLEMS[name].symbols)
    ]
    seen, said = Counter(), Counter()
    for symbols, answer in drawn:
        seen.update(symbols)
        said.update(answer)
    # No sign of multiplication where two solutions are possible.
    absent = {expressions.TIMES} if name == "solve-equation" else set()
    assert set(seen) == set(range(PROBLEMS[name].symbols)) - absent
    assert set(said) == set(range(PROBLEMS[name].classes))


def test_the_published_examples():
    assert ORACLES["stack-manipulation"]([0, 1, 1, 0, 4, 2, 2]) == [1, 1, 0, 2]
    stack, size = strings._stack_after(torch.tensor([[0, 1, 1, 0, 4, 2, 2], [1, 1, 0, 2, 2, 2, 2]]))
    assert size.tolist() == [3, 0]
    assert stack[0, :3].tolist() == [0, 1, 1]
    # 4 + 22 = 26 and 9 * 32 = 288, the lowest bit first.
    assert binary.bits_of(binary.numbers_of(torch.tensor([[0, 0, 1]])) + 22, 5).tolist() == [[0, 1, 0, 1, 1]]
    assert ORACLES["binary-multiplication"]([1, 0, 0, 1, 2, 0, 0, 0, 0, 0, 1]) == [
        0,
        0,
        0,
        0,
        0,
        1,
        0,
        0,
        1,
        2,
    ]
    assert ORACLES["compute-sqrt"]([1, 0, 0, 1, 0, 1]) == [1, 1, 0]
    assert ORACLES["modular-arithmetic-simple"]([ARITHMETIC.index(s) for s in "0*1+4*3-2"]) == [0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("(3--2)", 0), ("((-1-2)*(4-(3*-2)))", 0), ("(-4)", 1), ("-3", 2), ("((1-1)-1)", 4)],
)
def test_expressions_by_hand(text, expected):
    symbols = torch.tensor([[ARITHMETIC.index(s) for s in text]])
    assert expressions.evaluated(symbols).tolist() == [expected]


def test_expressions_split_uniformly():
    # Of nine symbols the left part takes one to five.
    symbols = expressions._expressions(10_000, 9, expressions.TIMES, torch.Generator())
    widths = Counter()
    for row in symbols.tolist():
        text, depth, last = "".join(ARITHMETIC[s] for s in row), 0, "("
        for place, symbol in enumerate(text):
            depth += (symbol == "(") - (symbol == ")")
            if depth == 1 and symbol in "+-*" and last not in "(+-*":
                widths[place - 1] += 1
            last = symbol
    assert set(widths) == {1, 2, 3, 4, 5}
    assert all(abs(count - 2000) < 5 * 40 for count in widths.values())


def test_the_hidden_digit_is_the_only_solution():
    task = Chomsky(task="solve-equation", min_length=30, max_length=30)
    for symbols, answer in read(task.sample(100, torch.Generator()), PROBLEMS["solve-equation"].symbols):
        assert symbols.count(expressions.UNKNOWN) == 1
        assert solutions(symbols) == answer


def test_numbers_of_five_hundred_bits_are_exact():
    task = Chomsky(task="binary-multiplication", min_length=500, max_length=500)
    for symbols, answer in read(task.sample(5, torch.Generator()), 3):
        assert answer == ORACLES["binary-multiplication"](symbols)
        assert len(answer) > 490


def test_a_batch_has_one_length_and_batches_have_all():
    lengths = set()
    for k in range(400):
        batch = Chomsky().batch(k, batch_size=2, seed=0, split="train")
        assert len(set(batch.lengths.tolist())) == 1
        lengths.add(int(batch.lengths[0]) - 1)
    assert lengths == set(range(1, 41))


def test_scores_by_hand():
    task = Chomsky(task="reverse-string", min_length=4, max_length=4)
    batch = task.sample(2, torch.Generator())
    y = task.oracle(batch)
    y[0, 5] = y[0, 5].flip(0)
    scores = {name: score.value for name, score in task.scores(y, batch).items()}
    assert scores == {"accuracy_percent": 87.5, "exact_percent": 50}
    assert not task.goal.met(scores["accuracy_percent"])
    assert float(task.loss(torch.zeros_like(y), batch)) == pytest.approx(math.log(2))


def test_answers_of_uneven_length_are_averaged_per_sequence():
    task = Chomsky(task="stack-manipulation", min_length=10, max_length=10)
    batch = task.sample(50, torch.Generator())
    y = torch.zeros(50, batch.x.shape[1], 3)
    y[..., 2] = 1  # always the end symbol, of which each answer has one
    expected = sum(100 / int(steps) for steps in batch.mask.sum(1)) / 50
    assert task.scores(y, batch)["accuracy_percent"].value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # One symbol has no pair at all; of two or more, half have an odd number.
        ("even-pairs", (100 + 39 * 50) / 40),
        ("parity-check", 50),
        ("missing-duplicate", 50),
        ("reverse-string", 50),
        ("bucket-sort", 20),
        # Of one move three places are reached, of n moves what the n-th power of the walk says.
        ("cycle-navigation", None),
    ],
)
def test_the_best_constant_is_near_what_is_known(name, expected):
    if expected is None:
        step = sum(torch.roll(torch.eye(5, dtype=torch.float64), k, 0) for k in (-1, 0, 1)) / 3
        expected = 100 * max(sum(torch.linalg.matrix_power(step, n)[:, 0] for n in range(1, 41)) / 40)
    references = Chomsky(task=name).baselines()
    assert references["constant"]["accuracy_percent"] == pytest.approx(float(expected), abs=1.5)
    assert references["optimal"] == {"accuracy_percent": 100, "exact_percent": 100}


def test_the_suite_is_the_papers_range_and_single_lengths():
    suite = Chomsky(task="odds-first").suite()
    assert list(suite) == ["length-41-to-500", *(f"length-{n}" for n in (40, 50, 100, 200, 500))]
    assert {task.task for task in suite.values()} == {"odds-first"}
    assert suite["length-500"].sample(1, torch.Generator()).lengths.tolist() == [1000]


def test_lengths_that_are_not_defined_are_left_out():
    task = Chomsky(task="solve-equation", max_length=4)
    lengths = {int(task.batch(k, batch_size=1, seed=0, split="train").lengths[0]) - 1 for k in range(50)}
    assert lengths == {3, 4}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"min_length": 50}, "min_length = 50 must not exceed max_length = 40"),
        ({"task": "binary-addition", "max_length": 2}, "task = binary-addition needs strings of at least 3"),
        ({"task": "reverse"}, "task"),
        ({"max_length": 0}, "max_length"),
    ],
)
def test_impossible_options_are_refused(options, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        Chomsky(**options)

"""The automata against their languages' definitions in plain Python, and the strings that they draw."""

import itertools
import math
import re
from collections import Counter

import pytest
import torch

from recurra_formal_languages.automata import REBER, brackets, embedded_reber, tomita
from recurra_formal_languages.tomita import TOMITA_STRINGS


def no_odd_zeros_after_odd_ones(word):
    seen = False
    for symbol, run in itertools.groupby(word):
        odd = len(list(run)) % 2 == 1
        if symbol == "0" and seen and odd:
            return False
        seen = seen or (symbol == "1" and odd)
    return True


LANGUAGES = {
    1: lambda word: "0" not in word,
    2: lambda word: re.fullmatch("(10)*", word) is not None,
    3: no_odd_zeros_after_odd_ones,
    4: lambda word: "000" not in word,
    5: lambda word: word.count("0") % 2 == 0 and word.count("1") % 2 == 0,
    6: lambda word: (word.count("0") - word.count("1")) % 3 == 0,
    7: lambda word: re.fullmatch("0*1*0*1*", word) is not None,
}


def words(symbols, longest):
    return ["".join(w) for n in range(longest + 1) for w in itertools.product(symbols, repeat=n)]


def numbers(word, symbols="01"):
    return torch.tensor([[symbols.index(symbol) for symbol in word]], dtype=torch.int64).view(1, -1)


def accepts(automaton, word):
    return bool(automaton.accepts[automaton.read(numbers(word))[0, -1]])


def smallest(automaton):
    """How many states no string tells apart, by refining {accepting, not} until nothing changes."""
    block = automaton.accepts.int().tolist()
    while True:
        keys = [(block[s], *(block[t] for t in row)) for s, row in enumerate(automaton.follow.tolist())]
        fresh = [sorted(set(keys)).index(key) for key in keys]
        if len(set(fresh)) == len(set(block)):
            return len(set(fresh))
        block = fresh


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_automaton_accepts_its_language_and_nothing_else(language):
    automaton = tomita(language)
    for word in words("01", 10):
        assert accepts(automaton, word) == LANGUAGES[language](word), word


def test_the_automata_are_the_smallest():
    sizes = [len(tomita(language).follow) for language in LANGUAGES]
    assert sizes == [2, 3, 5, 4, 4, 3, 5]  # as published by Miller and Giles 1993
    assert [smallest(tomita(language)) for language in LANGUAGES] == sizes


def test_the_third_language_is_the_usual_expression():
    # Weiss et al. 2018 write the complement of the third language so.
    outside = re.compile("((0|1)*0)*1(11)*(0(0|1)*1)*0(00)*(1(0|1)*)*")
    for word in words("01", 10):
        assert accepts(tomita(3), word) == (outside.fullmatch(word) is None), word


@pytest.mark.parametrize("language", TOMITA_STRINGS)
def test_tomitas_strings_are_on_their_side(language):
    for inside, listed in zip((True, False), TOMITA_STRINGS[language], strict=True):
        for word in listed.split():
            assert accepts(tomita(language), word.replace("e", "")) is inside, word


@pytest.mark.parametrize("language", LANGUAGES)
def test_completions_are_counted(language):
    automaton = tomita(language)
    ways = automaton.ways(8)
    for length in range(9):
        count = Counter()
        for start in range(len(automaton.follow)):
            for word in itertools.product((0, 1), repeat=length):
                state = start
                for symbol in word:
                    state = int(automaton.follow[state, symbol])
                count[bool(automaton.accepts[state]), start] += 1
        for inside in (False, True):
            exact = [count[inside, s] for s in range(len(automaton.follow))]
            shares = [c / max(exact) for c in exact] if any(exact) else exact
            assert ways[int(inside), length].tolist() == pytest.approx(shares)


def test_long_strings_are_counted_without_overflow():
    ways = tomita(4).ways(2000)
    assert torch.isfinite(ways).all()
    # Strings of n symbols without 000 are as many as the sum of the three numbers before: growth 1.8393.
    assert float(ways[1, 2000, 1] / ways[1, 2000, 0]) == pytest.approx(1 / 1.8393 + 1 / 1.8393**2, rel=1e-4)


@pytest.mark.parametrize("inside", [0, 1])
def test_every_string_of_a_length_is_as_likely(inside):
    automaton, rows = tomita(6), 20_000
    lengths = torch.full((rows,), 5)
    drawn = automaton.draw(
        lengths, torch.full_like(lengths, inside), automaton.shares(automaton.ways(5)), torch.Generator()
    )
    found = Counter("".join(map(str, row)) for row in drawn.tolist())
    known = [w for w in words("01", 5) if len(w) == 5 and LANGUAGES[6](w) == bool(inside)]
    assert set(found) == set(known)
    mean = rows / len(known)
    assert all(abs(found[word] - mean) < 5 * math.sqrt(mean) for word in known)


def test_drawn_strings_of_mixed_lengths_are_what_was_asked_for():
    rng = torch.Generator().manual_seed(1)
    automaton = tomita(7)
    lengths, inside = torch.randint(4, 40, (300,), generator=rng), torch.randint(2, (300,), generator=rng)
    drawn = automaton.draw(lengths, inside, automaton.shares(automaton.ways(39)), rng)
    for row, length, wanted in zip(drawn.tolist(), lengths.tolist(), inside.tolist(), strict=True):
        assert LANGUAGES[7]("".join(map(str, row[:length]))) == bool(wanted)


def reber_string(word):
    """Whether a word is in Reber's grammar, by the usual expression for it."""
    return re.fullmatch("B(TS*X(XT*V(PXT*V)*(PS|V)|S)|PT*V(PXT*V)*(PS|V))E", word) is not None


def embedded(word):
    return (
        word[0] == "B"
        and word[1] in "TP"
        and word[-2] == word[1]
        and word[-1] == "E"
        and reber_string(word[2:-2])
    )


def test_walks_are_embedded_reber_strings_and_every_branch_is_a_coin():
    walks = embedded_reber().walk(20_000, torch.Generator().manual_seed(3))
    found = Counter(
        "".join("BTPSXVE"[s] for s in row[:n])
        for row, n in zip(walks.symbols.tolist(), walks.lengths.tolist(), strict=True)
    )
    assert all(embedded(word) for word in found)
    # BTXSE and BPVVE: three choices each, so a probability of 1/8 inside either T or P.
    for word in ("BTBTXSETE", "BPBTXSEPE", "BTBPVVETE", "BPBPVVEPE"):
        assert abs(found[word] - 20_000 / 16) < 5 * math.sqrt(20_000 / 16)
    assert int(walks.lengths.min()) == 9
    assert walks.lengths.double().mean() == pytest.approx(expected_inner_length() + 4, abs=0.15)


def expected_inner_length():
    """Symbols of an inner string, its B and E included, from the linear equations of the grammar."""
    matrix, ones = torch.eye(5, dtype=torch.float64), torch.ones(5, dtype=torch.float64)
    for state, row in REBER.items():
        for target in row.values():
            if target < 5:
                matrix[state, target] -= 1 / len(row)
    return float(torch.linalg.solve(matrix, ones)[0]) + 2


def test_the_mean_length_is_the_known_one():
    assert expected_inner_length() == pytest.approx(7.99, abs=0.02)


def test_embedded_reber_accepts_exactly_its_strings():
    automaton = embedded_reber()
    alive, found = {"": 0}, set()
    for _ in range(13):
        alive = {
            word + "BTPSXVE"[k]: int(target)
            for word, state in alive.items()
            for k, target in enumerate(automaton.follow[state])
            if target >= 0
        }
        found |= {word for word, state in alive.items() if automaton.accepts[state]}
    inner = {
        f"B{w}E"
        for n in range(3, 8)
        for w in map("".join, itertools.product("TPSXV", repeat=n))
        if reber_string(f"B{w}E")
    }
    assert found == {f"B{o}{w}{o}E" for o in "TP" for w in inner}


def test_brackets_are_balanced_and_not_too_deep():
    automaton = brackets(2)
    for word in words("()", 8):
        depths = list(itertools.accumulate(1 if symbol == "(" else -1 for symbol in word))
        balanced = all(0 <= d <= 2 for d in depths) and (not depths or depths[-1] == 0)
        state = 0
        for symbol in word:
            state = int(automaton.follow[state, "()".index(symbol)])
            if state < 0:
                break
        assert balanced == (state == 0)

"""The counting languages against words and legal sets written in plain Python."""

from collections import Counter

import pytest
import torch

from recurra import InvalidOption
from recurra_formal_languages.counting import AnBmBmAn, AnBn, AnBnCn

NAMES = {AnBn: "ab", AnBnCn: "abc", AnBmBmAn: "abBA"}


def read(batch, task):
    """The words of a batch and the legal sets after each of their symbols."""
    seen, said = "S" + NAMES[type(task)], NAMES[type(task)] + "T"
    for x, target, mask, length in zip(*batch, strict=True):
        assert mask.tolist() == [t < int(length) for t in range(len(mask))]
        assert not x[length:].any()
        assert (x[:length].sum(-1) == 1).all()
        word = "".join(seen[s] for s in x[:length].argmax(-1).tolist())
        yield word, [{said[k] for k in row.nonzero()[:, 0].tolist()} for row in target[:length]]


def legal_by_prefix(words):
    """Which symbols may follow each beginning of the words of a language."""
    legal = {}
    for word in words:
        for t in range(1, len(word)):
            legal.setdefault(word[:t], set()).add(word[t])
    return legal


def language(kind, most):
    if kind is AnBmBmAn:
        pairs = [(n, m) for n in range(1, most + 1) for m in range(1, most + 1)]
        return ["S" + "a" * n + "b" * m + "B" * m + "A" * n + "T" for n, m in pairs]
    blocks = NAMES[kind]
    return ["S" + "".join(symbol * n for symbol in blocks) + "T" for n in range(1, most + 1)]


@pytest.mark.parametrize("kind", NAMES)
def test_the_legal_sets_are_those_of_the_language(kind):
    # The language goes on beyond the words that are drawn: after n symbols another one is always legal.
    legal = legal_by_prefix(language(kind, 8))
    task = kind(max_n=6, **({"max_m": 6} if kind is AnBmBmAn else {}))
    drawn = list(read(task.sample(200, torch.Generator().manual_seed(0)), task))
    for word, sets in drawn:
        assert word + "T" in language(kind, 6)
        assert sets == [legal[word[: t + 1]] for t in range(len(word))]
    assert len({word for word, _ in drawn}) == (36 if kind is AnBmBmAn else 6)


def test_a_word_by_hand():
    task = AnBn(min_n=2, max_n=2)
    ((word, sets),) = read(task.sample(1, torch.Generator()), task)
    assert word == "Saabb"
    assert sets == [{"a"}, {"a", "b"}, {"a", "b"}, {"b"}, {"T"}]


def test_all_n_are_as_likely():
    batch = AnBn(min_n=3, max_n=7).sample(5000, torch.Generator())
    counts = Counter(((batch.lengths - 1) // 2).tolist())
    assert set(counts) == {3, 4, 5, 6, 7}
    assert all(abs(count - 1000) < 5 * 28.3 for count in counts.values())


def test_the_sum_of_n_and_m_can_be_bounded():
    task = AnBmBmAn(max_sum=12)
    assert len(task.counts) == 66  # 11 + 10 + ... + 1
    assert len(AnBmBmAn().counts) == 121
    batch = task.sample(500, torch.Generator())
    assert int(batch.lengths.max()) <= 25


def test_one_wrong_output_rejects_a_word():
    task = AnBnCn(min_n=4, max_n=4)
    batch = task.sample(4, torch.Generator())
    y = task.oracle(batch)
    y[1, 6, 0] *= -1
    scores = {name: score.value for name, score in task.scores(y, batch).items()}
    assert scores == {"rejected_share": 0.25, "steps_before_error": (6 + 3 * 13) / 4, "bit_errors": 0.25}
    assert not task.goal.met(scores["rejected_share"])


def test_an_output_on_the_fence_is_wrong():
    task = AnBn(min_n=1, max_n=1)
    batch = task.sample(1, torch.Generator())
    assert task.scores(torch.zeros_like(batch.target), batch)["bit_errors"].value == 9


def test_a_constant_answer_and_the_right_one():
    # n = 1, 2: S a b and S a a b b. a is legal at 2 of 3 and 3 of 5 steps, b at 1 and 3, T at 1 and 1: of 8
    # steps a is at 5, b at 4 and T at 2. The best constant says a alone: 3 + 4 + 2 wrong in two words.
    constant, optimal = AnBn(max_n=2).baselines().values()
    assert constant == {"rejected_share": 1, "steps_before_error": 1, "bit_errors": 4.5}
    assert optimal == {"rejected_share": 0, "steps_before_error": 4, "bit_errors": 0}


def test_the_suites_are_ranges():
    assert list(AnBn().suite()) == [
        f"n-{span}"
        for span in (
            "1-to-10",
            "11-to-20",
            "21-to-50",
            "51-to-100",
            "101-to-200",
            "201-to-500",
            "501-to-1000",
        )
    ]
    assert list(AnBmBmAn().suite()) == [f"nm-{s}" for s in ("1-to-11", "12-to-18", "19-to-30", "31-to-50")]
    last = AnBnCn(tolerance=0.49).suite()["n-501-to-1000"]
    assert last.tolerance == 0.49
    assert int(last.sample(3, torch.Generator()).lengths.min()) > 3 * 501


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: AnBn(min_n=5, max_n=2), "AnBn: min_n = 5 must not exceed max_n = 2"),
        (lambda: AnBnCn(min_n=11), "AnBnCn: min_n = 11 must not exceed max_n = 10"),
        (lambda: AnBmBmAn(min_m=12), "AnBmBmAn: min_m = 12 must not exceed max_m = 11"),
        (lambda: AnBmBmAn(min_n=5, max_sum=5), "max_sum = 5 leaves no word; it must be at least .* = 6"),
        (lambda: AnBn(max_n=0), "max_n"),
    ],
)
def test_impossible_ranges_are_refused(make, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        make()

"""Letters in words: the stream, its bits, and the best reader against one that lists all streams."""

import itertools

import pytest
import torch

from recurra import InvalidOption
from recurra_prediction.bits import bits_of, letters_of
from recurra_prediction.letters import LEXICON, LettersInWords
from recurra_prediction.reader import Reader


def draw(task, k=0, batch_size=6):
    return task.batch(k, batch_size=batch_size, seed=0, split="train")


def spelled(numbers):
    return "".join(chr(96 + n) for n in numbers)


def test_a_letter_is_its_number_in_five_bits():
    assert bits_of(torch.tensor([1, 5, 26])).tolist() == [[0, 0, 0, 0, 1], [0, 0, 1, 0, 1], [1, 1, 0, 1, 0]]
    assert letters_of(bits_of(torch.arange(27))).tolist() == list(range(27))


def test_a_row_is_words_of_the_lexicon_without_gaps():
    batch = draw(LettersInWords(words=12))
    for x, target, mask, length in zip(*batch, strict=True):
        n = int(length)
        following = spelled(letters_of(target[:n, :5]).tolist())
        stream = spelled(letters_of(x[:n]).tolist())
        assert stream[1:] == following[:-1]
        stream += following[-1]
        begins = [0, *(t + 1 for t in range(n) if target[t, 5] == 1)]
        words = [stream[a:b] for a, b in itertools.pairwise([*begins, n + 1])]
        assert len(words) == 12
        assert set(words) <= set(LEXICON)
        assert mask.tolist() == [t < n for t in range(len(mask))]
        assert not x[n:].any()
        assert not target[n:].any()


def test_the_lexicon_has_15_words_drawn_evenly():
    assert len(LEXICON) == 15
    letters = torch.cat([draw(LettersInWords(words=50), k, 40).x[:, 0] for k in range(25)])
    firsts = [spelled([n]) for n in letters_of(letters).tolist()]
    # "a", "ago" and "and" begin with a: 1,000 words, of which 200 with a deviation of 12.6.
    assert abs(firsts.count("a") - 200) < 5 * 12.6


def listed(lexicon, stream, words):
    """Return the probability of each bit of the letter after a prefix, by listing all streams of words."""
    total, ones = 0, torch.zeros(5, dtype=torch.float64)
    for drawn in itertools.product(lexicon, repeat=words):
        text = "".join(drawn)
        if text.startswith(stream):
            total += 1
            ones += bits_of(torch.tensor(ord(text[len(stream)]) - 96)).double()
    return ones / total


def test_the_reader_knows_what_listing_all_streams_finds():
    lexicon = ("a", "ab", "bab")
    task = LettersInWords(words=4, lexicon=lexicon)
    for stream in ("a", "ab", "aba", "abab", "ba", "bab"):
        numbers = torch.tensor([[ord(letter) - 96 for letter in stream]])
        guess = Reader(task.spelled).read(numbers)[0, -1]
        # Long enough for a further letter whatever was drawn.
        assert guess.tolist() == pytest.approx(listed(lexicon, stream, 8).tolist(), abs=1e-12), stream


def test_references_agree_with_other_rows():
    task = LettersInWords()
    batch = draw(task, 5, 300)
    guess = Reader(task.spelled).read(letters_of(batch.x))
    scores = task.scores(torch.logit(guess, eps=1e-12), batch)
    optimal, constant = (task.baselines()[name] for name in ("optimal", "constant"))
    for name, score in scores.items():
        assert score.value == pytest.approx(optimal[name], rel=0.05), name
    assert constant["squared_error"] > 2 * optimal["squared_error"]
    assert optimal["squared_error"] < task.goal.below


def test_the_best_error_peaks_where_words_begin():
    optimal = LettersInWords().baselines()["optimal"]
    assert optimal["onset_error"] > 5 * optimal["inside_error"]


def test_scores_by_hand():
    task = LettersInWords(words=2, lexicon=("ab", "cd"))
    batch = draw(task, batch_size=1)  # three letters to predict, of which the second begins a word
    y = task.oracle(batch)
    y[0, 1] = 0
    scores = task.scores(y, batch)
    assert scores["onset_error"].value == pytest.approx(0.25)
    assert scores["inside_error"].value == pytest.approx(0)
    assert scores["squared_error"].value == pytest.approx(0.25 / 3)


@pytest.mark.parametrize(
    ("lexicon", "told"),
    [
        (("ab", "Cd"), "lexicon has 'Cd'; words may contain only the letters a to z"),
        (("ab", "é"), "lexicon has 'é'; words"),
        (("ab", ""), "lexicon has ''; words"),
        (("ab", "cd", "ab"), "lexicon has 'ab' twice; name every word once"),
        (("a", "b"), "has only words of one letter; add a longer one"),
        (("ab",), "lexicon"),
    ],
)
def test_a_lexicon_that_is_none_is_refused(lexicon, told):
    with pytest.raises(InvalidOption, match=told):
        LettersInWords(lexicon=lexicon)

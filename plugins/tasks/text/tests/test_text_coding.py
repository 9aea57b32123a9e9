"""Symbols and vocabularies, by hand; and cutting one text into splits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import DamagedFile, InvalidOption
from recurra_text.coding import Vocabulary, characters_of, lines_of, words_of
from recurra_text.text_files import cut


def spelled(coded):
    return [[coded.names[code] for code in codes] for codes in coded.codes]


def test_words_are_parted_by_white_space_and_lines_end():
    coded = words_of([lines_of("the  cat\nthe\tdog \n"), lines_of("a cat")])
    assert coded.names == ["the", "cat", "<eos>", "dog", "a"]
    assert [codes.tolist() for codes in coded.codes] == [[0, 1, 2, 0, 3, 2], [4, 1, 2]]
    assert list(lines_of("\n\nx")) == ["<eos>", "<eos>", "x", "<eos>"]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_characters_come_back(texts):
    coded = characters_of(texts)
    assert ["".join(part) for part in spelled(coded)] == texts
    assert coded.names == sorted(set("".join(texts)))


def test_the_most_frequent_are_known_and_the_alphabet_breaks_ties():
    coded = words_of([["b", "c", "a", "c", "b", "<unk>", "<unk>", "<unk>"], ["d"]])
    counts = np.bincount(coded.codes[0], minlength=len(coded.names))
    known = Vocabulary(counts, coded.names, 2, 1)
    assert (known.names, known.size) == (["b", "c"], 3)
    assert known.tokens(coded.codes[0]).tolist() == [1, 2, 0, 2, 1, 0, 0, 0]
    whole = Vocabulary(counts, coded.names, 9, 2)
    assert whole.names == ["b", "c", "a"]  # d is not in training, and <unk> is no word
    assert whole.tokens(coded.codes[0]).tolist() == [2, 3, 4, 3, 2, 1, 1, 1]
    assert whole.tokens(coded.codes[1]).tolist() == [1]


def test_one_text_is_cut_in_its_order():
    spans = cut(20, (0.1, 0.25), 1, "it")
    assert [list(range(20))[spans[split]] for split in ("train", "validation", "test")] == [
        list(range(13)),
        [13, 14],
        [15, 16, 17, 18, 19],
    ]


def test_shares_that_leave_too_little_are_refused():
    with pytest.raises(InvalidOption, match=r"^validation_share = 0.5 and test_share = 0.5 leave nothing"):
        cut(20, (0.5, 0.5), 1, "it")
    told = r"^the split 'validation' of it has 1, and needs at least 2; give it more data or, of one file, a"
    with pytest.raises(DamagedFile, match=told):
        cut(20, (0.05, 0.25), 2, "it")

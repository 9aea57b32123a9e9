"""Pairs of sentences as rows of tokens: inputs and targets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from recurra import Ragged, Split
from recurra_text.coding import Vocabulary, words_of
from recurra_text.pairs import Pairs

SEPARATOR, END, UNKNOWN = 0, 0, 1
"""The input after a sentence, the target after its translation, and an unknown word of either."""
FIRST = 2
WORD = re.compile(r"\w+|[^\w\s]")

Spelled = list[tuple[list[str], list[str]]]


class Language(NamedTuple):
    """The sentences of one side as tokens: split -> a tensor for each; the kinds of tokens, with 0 and 1."""

    sentences: Mapping[Split, list[Tensor]]
    size: int
    names: list[str]


class Rows(NamedTuple):
    """Pairs, each as one row: inputs and targets, and the number of steps before the separator."""

    read: Ragged
    due: Ragged
    before: Tensor


def spelled_pairs(pairs: Pairs, level: Literal["word", "character"], longest: int) -> Spelled:
    """Return the words, or characters, of those pairs of which neither side is too long."""
    spell = WORD.findall if level == "word" else list
    spelled = ((spell(sentence), spell(translation)) for sentence, translation in pairs)
    return [pair for pair in spelled if max(map(len, pair)) <= longest]


def language(spelled: Mapping[Split, Spelled], side: int, most: int) -> Language:
    """Return one side as tokens, of which those are known that are most frequent in training."""
    coded = words_of(pair[side] for part in spelled.values() for pair in part)
    codes = iter(coded.codes)
    parts = {split: [next(codes) for _ in part] for split, part in spelled.items()}
    counts = np.bincount(np.concatenate(parts["train"]), minlength=len(coded.names))
    known = Vocabulary(counts, coded.names, most, FIRST)
    tokens = {split: [known.tokens(sentence).long() for sentence in part] for split, part in parts.items()}
    return Language(tokens, known.size, known.names)


def rows_of(source: Language, target: Language, split: Split, reverse: bool) -> Rows:
    """Return the pairs of a split; what is read of a translation has tokens of its own."""
    sentences, translations = source.sentences[split], target.sentences[split]
    before = torch.tensor([len(sentence) for sentence in sentences])
    counts = before + 1 + torch.tensor([len(translation) for translation in translations])
    read, due = list[Tensor](), list[Tensor]()
    separator, end = torch.tensor([SEPARATOR]), torch.tensor([END])
    for sentence, translation in zip(sentences, translations, strict=True):
        read += [sentence.flip(0) if reverse else sentence, separator, translation + source.size - 1]
        due += [torch.full_like(sentence, END), translation, end]
    starts = counts.cumsum(0) - counts
    return Rows(Ragged(torch.cat(read), starts, counts), Ragged(torch.cat(due), starts, counts), before)


def followers(rows: Rows) -> Tensor:
    """Return every token that is due and the one before it, (2, N): before and after; first comes the end."""
    steps = torch.arange(len(rows.due.values))
    first = rows.due.starts + rows.before
    scored = steps >= first.repeat_interleave(rows.due.counts)
    due = rows.due.values
    return torch.stack([due.roll(1), due])[:, scored]

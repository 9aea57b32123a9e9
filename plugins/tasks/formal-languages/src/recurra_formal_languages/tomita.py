"""Tomita's seven regular languages over 0 and 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import one_hot

from recurra import Batch, Goal, InvalidOption, Task
from recurra_formal_languages import automata
from recurra_formal_languages.answers import NONE, Verdicts, verdict_references

RANGES = ((16, 30), (31, 60), (61, 120))

TOMITA_STRINGS: dict[int, tuple[str, str]] = {
    1: (
        "e 1 11 111 1111 11111 111111 1111111 11111111",
        "0 10 01 00 011 110 000 11111110 10111111",
    ),
    2: ("e 10 1010 101010 10101010 10101010101010", "1 0 11 00 01 101 100 1001010 10110 110101010"),
    4: (
        "e 1 0 10 01 00 100100 001111110100 0100100100 11100 010",
        "000 11000 0001 000000000 00000 0000 11111000011 1101010000010111 1010010001",
    ),
}
"""Language -> the strings inside and outside with which Tomita trained; e is the empty one."""

Length = Annotated[int, Field(ge=0)]


class Tomita(Verdicts):
    """Classify, at its end, whether a string of 0 and 1 is in the language.

    1: 1*. 2: (10)*. 3: no run of zeros of odd length anywhere after a run of ones of odd length. 4: no 000.
    5: as well an even number of zeros as of ones. 6: zeros minus ones divisible by three. 7: 0*1*0*1*.

    Half of the strings are inside. A string's length is uniform among those of `min_length` to `max_length`
    that such a string can have, and the string uniform among all of that length inside, or outside.

    Shapes: x (B, T, 3), one-hot over 0, 1 and the start symbol, with which every sequence begins, so that the
    empty string has a step too; y (B, T, 1), the logit that the string is inside.
    Scores: wrong_share, the share of wrong verdicts (a half for a blind guess); bits_per_verdict, their
    cross-entropy.
    Differs from the paper: Tomita searched for automata on short lists of strings, which `strings=tomita`
    draws with equal probability, for the languages 1, 2 and 4; balanced random strings are usual today.
    `every_step` asks for the verdict on every prefix of the string, also the empty one.
    Source: Tomita 1982; lengths 1 to 15 in training and longer ones in the test are usual since.
    """

    stream = "Tomita"
    goal = Goal("wrong_share", below=NONE)

    def __init__(
        self,
        *,
        grammar: Annotated[int, Field(ge=1, le=7, description="which of the seven languages")] = 4,
        min_length: Annotated[Length, Field(description="minimum length of a string")] = 1,
        max_length: Annotated[Length, Field(description="maximum length of a string")] = 15,
        strings: Annotated[
            Literal["random", "tomita"], Field(description="random strings, or those that Tomita used")
        ] = "random",
        every_step: Annotated[bool, Field(description="classify every prefix of the string too")] = False,
    ) -> None:
        super().__init__(3)
        if min_length > max_length:
            raise InvalidOption(
                f"Tomita: min_length = {min_length} must not exceed max_length = {max_length}"
            )
        self.grammar, self.every_step = grammar, every_step
        self.automaton = automata.tomita(grammar)
        ways = self.automaton.ways(max_length)
        self.shares = self.automaton.shares(ways)
        self.listed = self._listed() if strings == "tomita" else None
        self.lengths = [self._possible(ways[inside], inside, min_length, max_length) for inside in (0, 1)]

    def _possible(self, ways: Tensor, inside: int, least: int, most: int) -> Tensor:
        """Return which lengths a string inside, or outside, can have."""
        found = least + ways[least : most + 1, 0].nonzero()[:, 0]
        if not len(found) and self.listed is None:
            message = f"language {self.grammar} has no string {'inside' if inside else 'outside'} of length"
            raise InvalidOption(f"Tomita: {message} {least} to {most}; choose other lengths")
        return found

    def _listed(self) -> tuple[Tensor, Tensor]:
        """Return Tomita's strings: symbols (N, L) and lengths (N,)."""
        if self.grammar not in TOMITA_STRINGS:
            known = ", ".join(map(str, TOMITA_STRINGS))
            raise InvalidOption(
                f"Tomita: strings = tomita supports the languages {known}, not {self.grammar}"
            )
        words = [word.replace("e", "") for part in TOMITA_STRINGS[self.grammar] for word in part.split()]
        longest = max(map(len, words))
        symbols = torch.tensor([[int(bit) for bit in word.ljust(longest, "0")] for word in words])
        return symbols, torch.tensor([len(word) for word in words])

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw strings, half of them inside, or from Tomita's list."""
        if self.listed is not None:
            symbols, lengths = self.listed
            pick = torch.randint(len(lengths), (batch_size,), generator=rng)
            return self.judged(symbols[pick], lengths[pick])
        inside = torch.randint(2, (batch_size,), generator=rng)
        picks = [torch.randint(len(known), (batch_size,), generator=rng) for known in self.lengths]
        outer, inner = (known[pick] for known, pick in zip(self.lengths, picks, strict=True))
        lengths = torch.where(inside == 1, inner, outer)
        return self.judged(self.automaton.draw(lengths, inside, self.shares, rng), lengths)

    def judged(self, symbols: Tensor, lengths: Tensor) -> Batch:
        """Return strings, symbols (B, L) and lengths (B,), with the start symbol and the verdicts."""
        t = torch.arange(symbols.shape[1] + 1)
        seen = torch.cat([torch.full_like(lengths[:, None], 2), symbols], 1)
        verdicts = self.automaton.accepts[self.automaton.read(symbols)]
        live = t <= lengths[:, None]
        mask = live if self.every_step else t == lengths[:, None]
        x = one_hot(seen, 3) * live[..., None]
        return Batch(x.float(), (verdicts & mask)[..., None].float(), mask, lengths + 1)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what always the same verdict scores (`constant`), and the right one (`optimal`).

        The share of strings inside is known, but with `every_step` it is taken from 10,000 strings.
        """
        if self.listed is not None and not self.every_step:
            batch = self.judged(*self.listed)
            return verdict_references(float(batch.target[batch.mask].mean()))
        if not self.every_step:
            return verdict_references(0.5)
        batch = self.sample(10_000, torch.Generator().manual_seed(0))
        return verdict_references(float(batch.target[batch.mask].double().mean()))

    def suite(self) -> Mapping[str, Task]:
        """Return random strings of 16 to 30, 31 to 60 and 61 to 120 symbols."""
        return {
            f"length-{a}-to-{b}": Tomita(
                grammar=self.grammar, min_length=a, max_length=b, every_step=self.every_step
            )
            for a, b in RANGES
        }

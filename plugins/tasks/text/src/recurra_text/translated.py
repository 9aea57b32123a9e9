"""Translations of the user's sentences, or of the test split beside its references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor

from recurra import Configurable, InvalidOption, Predictor
from recurra_text.beam_search import BeamSearch
from recurra_text.sentences import END, FIRST, SEPARATOR, UNKNOWN, WORD, Spelled
from recurra_text.text_files import sentences_in

Row = Mapping[str, Any]
REMEDY = "name a text file in UTF-8 with one sentence on each line"


class Languages(Protocol):
    """What translations need of their task.

    Attributes:
        names: The words, or characters, known of either language; the first is token `FIRST`.
        level: What a sentence is divided into.
        reverse: Whether sentences are read from their end.
        longest: The number of words on the longest side of a pair.
        test: The pairs of the test split.
    """

    names: tuple[Sequence[str], Sequence[str]]
    level: Literal["word", "character"]
    reverse: bool
    longest: int
    test: Spelled


class Translated(Configurable):
    """A translation of every sentence by beam search: `source`, `translation` and `log_probability`.

    Sentences are the lines of a file, or one that is given as text; without either they are those of the
    test split, whose translations are compared with the `reference`: BLEU, as sacrebleu computes it over the
    task's own words. A word that training does not have is read as unknown; none is written. The
    log-probability is that of the whole translation, in nats.

    Raises:
        MissingFile: There is no such file.
        DamagedFile: The file is empty or not in UTF-8.
        InvalidOption: Both a text and a file are given.
    """

    def __init__(
        self,
        task: Languages,
        *,
        text: Annotated[str, Field(description="sentence to translate")] = "",
        input: Annotated[
            Path | None, Field(description="file with one sentence on each line; none: the test split")
        ] = None,
        beams: Annotated[
            int, Field(gt=0, le=1000, description="number of translations to pursue at once; 1: greedy")
        ] = 4,
    ) -> None:
        if text and input:
            raise InvalidOption(f"Translated: text and input = {input} exclude each other; give one")
        self.task, self.beams = task, beams
        self.references = None if text or input else [target for _, target in task.test]
        self.sentences = self._spelled(text, input)

    def _spelled(self, text: str, path: Path | None) -> list[list[str]]:
        if self.references is not None:
            return [source for source, _ in self.task.test]
        lines = sentences_in(path, REMEDY) if path else [text]
        return [WORD.findall(line) if self.task.level == "word" else list(line) for line in lines]

    def rows(self, network: Predictor) -> Iterator[Row]:
        """Yield the translations."""
        number = {name: token for token, name in enumerate(self.task.names[0], FIRST)}
        search = BeamSearch(self.beams, 2 * self.task.longest, END, (UNKNOWN,), self._fed)
        for place, sentence in enumerate(self.sentences):
            tokens = [number.get(word, UNKNOWN) for word in sentence]
            x = torch.tensor([[*(tokens[::-1] if self.task.reverse else tokens), SEPARATOR]])
            found = search(network, x)
            written = [self.task.names[1][token - FIRST] for token in found.tokens]
            row = {"source": self._joined(sentence), "translation": self._joined(written)}
            reference = {} if self.references is None else {"reference": self._joined(self.references[place])}
            yield {**row, **reference, "log_probability": found.log_probability}

    def scores(self, rows: Sequence[Row]) -> Mapping[str, float]:
        """Return the BLEU of translations that have a reference, in percent."""
        if self.references is None:
            return {}
        from sacrebleu import corpus_bleu

        found, references = ([row[name] for row in rows] for name in ("translation", "reference"))
        tokenize = "none" if self.task.level == "word" else "char"
        return {"bleu": corpus_bleu(found, [references], tokenize=tokenize, force=True).score}

    def _fed(self, tokens: Tensor) -> Tensor:
        """Return the inputs that repeat translated tokens."""
        return tokens + FIRST + len(self.task.names[0]) - 1

    def _joined(self, words: Sequence[str]) -> str:
        return (" " if self.task.level == "word" else "").join(words)

"""The sentiment of the user's reviews."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import Field
from torch import Tensor

from recurra import Configurable, InvalidOption, Predictor
from recurra_text.reviews import NEGATIVE, POSITIVE
from recurra_text.text_files import sentences_in

REMEDY = "name a text file in UTF-8 with one review on each line"


class Reviewed(Protocol):
    """What predictions need of their task."""

    def read(self, text: str) -> tuple[Tensor, Tensor]:
        """Return a review as tokens (1, T), as in training, and its number of steps (1,)."""
        ...

    def predict(self, y: Tensor) -> Tensor:
        """Convert logits to probabilities."""
        ...


class Sentiment(Configurable):
    """Whether each review is favourable: `row`, `prediction`, `p_negative` and `p_positive`.

    Reviews are the lines of a file, or one that is given as text.

    Raises:
        MissingFile: There is no such file.
        DamagedFile: The file is empty or not in UTF-8.
        InvalidOption: Neither a text nor a file is given, or both are.
    """

    def __init__(
        self,
        task: Reviewed,
        *,
        text: Annotated[str, Field(description="review to judge")] = "",
        input: Annotated[Path | None, Field(description="file with one review on each line")] = None,
    ) -> None:
        if bool(text) == bool(input):
            wrong = f"text and input = {input} exclude each other; give one" if text else "give text or input"
            raise InvalidOption(f"Sentiment: {wrong}")
        self.task = task
        self.texts: Sequence[str] = sentences_in(input, REMEDY) if input else [text]

    def rows(self, network: Predictor) -> Iterator[Mapping[str, Any]]:
        """Yield the rows."""
        for number, text in enumerate(self.texts, 1):
            x, lengths = self.task.read(text)
            y, _ = network(x, None, lengths=lengths)
            negative, positive = self.task.predict(y[0, -1].double()).tolist()
            prediction = POSITIVE if positive > negative else NEGATIVE
            yield {"row": number, "prediction": prediction, "p_negative": negative, "p_positive": positive}

"""Text written by a language model, symbol by symbol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Protocol

import torch
from pydantic import Field
from torch import Tensor

from recurra import Configurable, InvalidInput, InvalidOption, Predictor, files, generator_of
from recurra_text.coding import END, Level, lines_of
from recurra_text.text_files import check_file, decoded

REMEDY = "name a text file in UTF-8"
MOST = 100_000


class Symbols(Protocol):
    """What a continuation needs of its task: the unit of the text and the names of its tokens."""

    level: Level
    names: Sequence[str]


class Continuation(Configurable):
    """Texts that continue a prompt: each symbol is drawn from the network's distribution of the next one.

        p(next = k) ∝ exp(y_k / temperature)

    The unknown symbol is never drawn. Without a prompt a text begins as after the end of a line. One row per
    text, with the column `text`: the prompt and what follows.

    Raises:
        MissingFile: There is no such file.
        DamagedFile: The file is not UTF-8.
        InvalidOption: Both a prompt and a file are given.
        InvalidInput: The training text has none of the prompt's symbols.
    """

    def __init__(
        self,
        task: Symbols,
        *,
        prompt: Annotated[str, Field(description="text to continue")] = "",
        input: Annotated[Path | None, Field(description="file with the text to continue")] = None,
        length: Annotated[int, Field(gt=0, le=MOST, description="number of symbols to write")] = 200,
        temperature: Annotated[
            float, Field(ge=0, description="below 1: likelier symbols; 0: always the likeliest")
        ] = 1.0,
        samples: Annotated[int, Field(gt=0, le=MOST, description="number of texts")] = 1,
        seed: Annotated[int, Field(ge=0, description="seed of the draws")] = 0,
    ) -> None:
        if prompt and input:
            raise InvalidOption(f"Continuation: prompt and input = {input} exclude each other; give one")
        self.prompt = _read(input) if input else prompt
        self.task, self.length, self.temperature = task, length, temperature
        self.samples, self.seed = samples, seed
        self.start = _tokens(self.prompt or "\n", task)

    def rows(self, network: Predictor) -> Iterator[Mapping[str, str]]:
        """Yield the texts."""
        rng = generator_of("continuation", self.seed)
        y, state = network(self.start.expand(self.samples, -1), None, lengths=None)
        written = []
        for _ in range(self.length):
            written.append(self._drawn(y[:, -1].cpu(), rng))
            y, state = network(written[-1][:, None], state, lengths=None)
        for tokens in torch.stack(written, 1):
            yield {"text": _joined(self.prompt, tokens.tolist(), self.task)}

    def _drawn(self, logits: Tensor, rng: torch.Generator) -> Tensor:
        """Return a token for each row of logits (B, O)."""
        if self.task.names:
            logits[:, 0] = -torch.inf
        if self.temperature == 0:
            return logits.argmax(-1)
        below = logits.double() - logits.amax(-1, keepdim=True)  # a tiny temperature gives no infinity
        return torch.multinomial((below / self.temperature).softmax(-1), 1, generator=rng)[:, 0]


def _read(path: Path) -> str:
    check_file(path, REMEDY)
    return decoded(files.content_of(path, "text", REMEDY), path, REMEDY)


def _tokens(text: str, task: Symbols) -> Tensor:
    """Return the tokens (1, T) of a text, as in training."""
    if task.level == "byte":
        return torch.tensor([list(text.encode())])
    words = list(lines_of(text)) if task.level == "word" else list(text)
    if task.level == "word" and not text.endswith("\n"):
        words = words[:-1] or [END]  # the last line goes on
    number = {name: token for token, name in enumerate(task.names)}
    tokens = [number.get(word, 0) for word in words]
    if not any(tokens) and text.strip():
        raise InvalidInput(f"prompt '{text}' has no {task.level} of the text that the model was trained on")
    return torch.tensor([tokens])


def _joined(prompt: str, tokens: Sequence[int], task: Symbols) -> str:
    if task.level == "byte":
        return (prompt.encode() + bytes(tokens)).decode("utf-8", "replace")
    names = [task.names[token] for token in tokens]
    if task.level == "character":
        return prompt + "".join(names)
    text = prompt
    for name in names:
        space = "" if not text or text[-1].isspace() else " "
        text += "\n" if name == END else space + name
    return text

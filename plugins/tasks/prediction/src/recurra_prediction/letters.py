"""Letters in words: a stream of words without spaces, in which the error shows where words begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from recurra import Batch, Goal, InvalidOption, Score
from recurra_prediction.bits import BITS, Bits, Count, Loss, bits_of, letters_of, mean_where
from recurra_prediction.reader import Reader

LEXICON = (
    "many", "years", "ago", "a", "boy", "and", "girl", "lived", "by", "the", "sea", "they", "played",
    "happily", "house",
)  # fmt: skip
REFERENCE_ROWS = 200

Lexicon = Annotated[tuple[str, ...], Field(min_length=2, description="lexicon: words of the letters a to z")]


class LettersInWords(Bits):
    """Predict the next letter of a stream of words that are drawn evenly from a lexicon of 15.

    Letters are vectors of 5 bits, and nothing marks where a word ends. The first letter of a word can hardly
    be predicted and the others ever better, so the error of a network that has learned is high where words
    begin.

    Shapes: x (B, T, 5), y (B, T, 5), logits of the bits of the next letter; T varies from row to row. target
    (B, T, 6): these bits, and 1 where the next letter begins a word.
    Scores: squared_error, the mean of (target − σ(y))² over all bits; onset_error, the same where the next
    letter begins a word; inside_error, where it does not.
    Differs from the paper: its 200 sentences came from a program that it does not print, so words are drawn
    evenly here; 14 words are of the passage it shows and `house` is ours; a letter's bits are its number in
    the alphabet, 1 to 26, and not drawn at random. A row is a stream of its own; the paper has a single one,
    of 1,270 words (4,963 letters), shown 10 times. Solved, which the paper does not define, means here a
    squared error near the least one.
    Source: Elman 1990, "Discovering the notion 'word'".
    """

    stream = "LettersInWords"
    causal = True
    goal = Goal("squared_error", below=0.08)

    def __init__(
        self,
        *,
        words: Annotated[Count, Field(gt=1, description="words per row")] = 40,
        lexicon: Lexicon = LEXICON,
        loss: Loss = "squared",
    ) -> None:
        super().__init__(BITS, BITS, loss)
        _check(lexicon)
        self.words, self.lexicon = words, lexicon
        longest = max(map(len, lexicon))
        numbers = [[ord(letter) - 96 for letter in word.ljust(longest, "`")] for word in lexicon]
        self.spelled = torch.tensor(numbers)  # (words, letters), 1 to 26, then 0

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw words and write them one after the other."""
        drawn = torch.randint(len(self.lexicon), (batch_size, self.words), generator=rng)
        letters = self.spelled[drawn].flatten(1)  # with gaps after the shorter words
        begins = (torch.arange(letters.shape[1]) % self.spelled.shape[1] == 0).expand_as(letters)
        order = torch.argsort((letters == 0).to(torch.uint8), dim=1, stable=True)  # the gaps go last
        lengths = (letters > 0).sum(1)
        stream = torch.stack([letters, begins.long()], -1).gather(1, order[..., None].expand(-1, -1, 2))
        stream = stream[:, : int(lengths.max()) if batch_size else 1]
        shown = torch.cat([bits_of(stream[..., 0]), stream[..., 1:].to(torch.get_default_dtype())], -1)
        mask = torch.arange(shown.shape[1] - 1) < lengths[:, None] - 1
        live = mask[..., None].to(shown.dtype)
        return Batch(shown[:, :-1, :BITS] * live, shown[:, 1:] * live, mask, lengths - 1)

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return squared_error, onset_error and inside_error, per bit."""
        errors, onset = self.squared_errors(y, batch), batch.target[..., -1] > 0.5
        return {
            "squared_error": mean_where(errors, batch.mask),
            "onset_error": mean_where(errors, batch.mask & onset),
            "inside_error": mean_where(errors, batch.mask & ~onset),
        }

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what the mean of every bit scores, and who knows the lexicon, on 200 rows of seed 0."""
        batch = self.sample(REFERENCE_ROWS, torch.Generator().manual_seed(0))
        target = self.bits_of(batch).double()
        mean = target[batch.mask].mean(0)
        reader = Reader(self.spelled)
        guesses = {"constant": mean.expand_as(target), "optimal": reader.read(letters_of(batch.x))}
        return {name: self._means(guess, batch) for name, guess in guesses.items()}

    def _means(self, guess: Tensor, batch: Batch) -> dict[str, float]:
        logits = torch.logit(guess.double(), eps=1e-12)
        return {name: score.value for name, score in self.scores(logits, batch).items()}


def _check(lexicon: tuple[str, ...]) -> None:
    wrong = [word for word in lexicon if not (word.isascii() and word.isalpha() and word.islower())]
    if wrong:
        raise InvalidOption(
            f"LettersInWords: lexicon has '{wrong[0]}'; words may contain only the letters a to z"
        )
    if len(set(lexicon)) < len(lexicon):
        twice = next(word for word in lexicon if lexicon.count(word) > 1)
        raise InvalidOption(f"LettersInWords: lexicon has '{twice}' twice; name every word once")
    if max(map(len, lexicon)) < 2:
        raise InvalidOption("LettersInWords: lexicon has only words of one letter; add a longer one")

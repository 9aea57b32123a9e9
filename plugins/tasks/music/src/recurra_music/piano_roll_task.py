"""Prediction of the notes that sound next, in four collections of polyphonic music."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from recurra import Batch, Corpus, Goal, InvalidOption, MissingFile, Ragged, Score, Split, files, unpadded
from recurra_music.hub import parquet_files, read_hub, read_parquet_folder
from recurra_music.mat import read_mat
from recurra_music.rolls import NOTES, REMEDY, Collection, Splits
from recurra_music.synthetic import synthetic

PUBLISHED: Mapping[Collection, float] = {
    "JSB_Chorales": 8.54,
    "Nottingham": 3.13,
    "MuseData": 5.99,
    "Piano_midi": 8.82,
}
"""Nats per step on the test split of the best network of Chung et al. 2014, known at second hand."""


class PianoRoll(Corpus):
    """Predict, at every step of a piece, which of the 88 notes of a piano sound at the next.

        nats_per_step = − Σ_steps Σ_notes log p(note sounds or not) / steps

    The collections are split into training, validation and test as published: 229, 76 and 77 pieces of
    `JSB_Chorales`, 694, 173 and 170 of `Nottingham`, 524, 135 and 124 of `MuseData`, 87, 12 and 25 of
    `Piano_midi`. Each epoch visits every training piece exactly once, in an order that depends
    on the seed; validation and test go through the pieces in their order. Without a folder, and without
    `hub`, the task uses a few synthetic pieces, so that everything can be tried; scores on them are not
    comparable with the collections, and their suite is called `synthetic-sample`.

    Shapes: x (B, T, 88), zeros and ones, all steps of a piece but the last; y (B, T, 88), logits of what
    sounds one step later.
    Scores: nats_per_step, summed over the notes and averaged over the predicted steps of all pieces.
    Baselines: constant, every note as often as it sounds in the test split; persistence, every note as
    often as it sounded in training after a step with it, or after one without it.
    Solved means fewer nats than the best network of Chung et al. 2014: 8.54 for `JSB_Chorales` (GRU), 3.13
    for `Nottingham` (tanh), 5.99 for `MuseData` (GRU), 8.82 for `Piano_midi` (GRU). We know these numbers at
    second hand.
    Differs from the paper: it does not say whether the first step is predicted, and here it is not.
    Source: Boulanger-Lewandowski, Bengio and Vincent 2012, the collections; Chung et al. 2014, the protocol.

    Raises:
        MissingFile: The folder, a file in it or the data set on the Hub does not exist.
        DamagedFile: A file is damaged, or does not contain piano rolls.
        InvalidOption: Both a folder and the Hub are named, or the Hub without a revision.
    """

    stream = "PianoRoll"
    causal = True
    goal = Goal("nats_per_step", below=PUBLISHED["JSB_Chorales"])

    def __init__(
        self,
        *,
        folder: Annotated[
            Path | None, Field(description="folder with the collections, as .mat or Parquet files")
        ] = None,
        hub: Annotated[
            str | None,
            Field(description="data set on the Hugging Face Hub, with a configuration for each collection"),
        ] = None,
        revision: Annotated[str | None, Field(description="commit on the Hub to load")] = None,
        collection: Annotated[
            Collection, Field(description="which of the four collections")
        ] = "JSB_Chorales",
    ) -> None:
        if folder and hub:
            raise InvalidOption(f"PianoRoll: folder = {folder} and hub = {hub} exclude each other; name one")
        super().__init__(NOTES, NOTES)
        self.synthetic = not folder and not hub
        if hub:
            self.pieces = read_hub(hub, _pinned(hub, revision), collection)
        else:
            self.pieces = _read_folder(folder, collection) if folder else synthetic()
        self.goal = Goal("nats_per_step", below=PUBLISHED[collection])

    def count(self, split: Split) -> int:
        """Return how many pieces a split has."""
        return len(self.pieces[split].counts)

    def gather(self, split: Split, rows: Tensor) -> Batch:
        """Return pieces of a split as a batch."""
        values, starts, counts = self.pieces[split]
        lengths = counts[rows] - 1
        steps = int(lengths.max())
        x, target = (
            Ragged(values, starts + later, counts - 1).padded(rows, steps, 0).to(torch.get_default_dtype())
            for later in (0, 1)
        )
        return Batch(x, target, unpadded(lengths, steps), lengths)

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean over the steps of the cross-entropy of all notes together, in nats."""
        return _nats(y, batch) / batch.mask.sum()

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return nats_per_step."""
        return {"nats_per_step": Score(float(_nats(y.double(), batch)), float(batch.mask.sum()))}

    def predict(self, y: Tensor) -> Tensor:
        """Turn logits into the probability of each note."""
        return torch.sigmoid(y)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who knows the piece, for checks."""
        return 100 * (2 * batch.target - 1)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what two predictors score that look at each note by itself, the second at its last step."""
        known, due = (_counts(self.pieces[split]) for split in ("train", "test"))
        now = due.sum(0)
        rates = (known + 0.5) / (known.sum(1, keepdim=True) + 1)
        return {
            "constant": {
                "nats_per_step": float(-torch.special.xlogy(now, now / now.sum(0)).sum()) / _steps(due)
            },
            "persistence": {"nats_per_step": float(-(due * rates.log()).sum()) / _steps(due)},
        }


def _pinned(hub: str, revision: str | None) -> str:
    if not revision:
        message = f"PianoRoll: hub = {hub} names a data set that may change"
        raise InvalidOption(f"{message}; set task.revision to the commit to load")
    return revision


def _read_folder(folder: Path, collection: Collection) -> Splits:
    files.check_folder(folder, REMEDY)
    path = folder / f"{collection}.mat"
    if path.is_file():
        return files.cached_read(read_mat, path)
    if parquet_files(folder, collection, "train"):
        return read_parquet_folder(folder, collection)
    message = f"{folder} has neither {collection}.mat nor {collection}/train-*.parquet"
    raise MissingFile(f"{message}; {REMEDY}")


def _nats(y: Tensor, batch: Batch) -> Tensor:
    """Return the cross-entropy of all notes at all predicted steps, in nats."""
    y, target = y[batch.mask], batch.target[batch.mask].to(y.dtype)
    return binary_cross_entropy_with_logits(y, target, reduction="sum")


def _counts(pieces: Ragged) -> Tensor:
    """Return how often each note is off or on, after it was off or on: (2, 2, 88), before and now."""
    first = torch.ones(len(pieces.values), dtype=torch.bool)
    first[pieces.starts] = False
    now = first.nonzero()[:, 0]
    pairs = 2 * pieces.values[now - 1].long() + pieces.values[now]  # (S, 88)
    return torch.stack([(pairs == pair).sum(0) for pair in range(4)]).view(2, 2, NOTES).double()


def _steps(counts: Tensor) -> float:
    return float(counts[..., 0].sum())

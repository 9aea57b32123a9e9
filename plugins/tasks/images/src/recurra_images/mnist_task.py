"""MNIST as sequences: pixel by pixel, in an order that was drawn, or row by row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from recurra import Batch, Corpus, Goal, InvalidOption, MissingFile, Score, Split, files
from recurra_images.hub import REVISION, has_parquet, read_hub, read_parquet_folder
from recurra_images.idx import REMEDY, has_idx, read_idx_folder
from recurra_images.images import CLASSES, SIDE, Splits
from recurra_images.synthetic import synthetic

Form = Literal["pixels", "permuted", "rows"]
SOLVED: Mapping[Form, float] = {"pixels": 96.2, "permuted": 87.3, "rows": 98.0}
"""Percent: of the GRU of Bai et al. 2018; for `rows` a bound of our own."""


class MNIST(Corpus):
    """Classify an image of a digit at the end of the sequence of its pixels.

    `pixels` reads the 784 pixels one by one, row after row; `permuted` reads them in an order that is drawn
    once and is the same for all images; `rows` reads 28 rows of 28 pixels. Values lie between 0 and 1.

    The last twelfth of the training images, 5,000 of 60,000, is for validation and is not trained on; the
    test images are the official ones. Each epoch visits every training image exactly once, in an
    order that depends on the seed; validation and test go through the images in their order. Without a
    folder, and without `hub`, the task uses a few synthetic digits, so that everything can be tried; scores
    on them are not comparable with MNIST, and their suite is called `synthetic-sample`.

    Shapes: x (B, 784, 1), or (B, 28, 28) by rows; y (B, T, 10), logits, scored at the last step.
    Scores: accuracy_percent; nats, the cross-entropy per image.
    Baselines: constant, the shares of the classes in the test images, of which the largest is 11.35 percent
    in MNIST; nearest-mean, the class whose mean training image is nearest.
    Solved means more than the GRU of Bai et al. 2018, 96.2 by pixels and 87.3 permuted; by rows more than
    98, which is a bound of our own.
    Differs from the papers: they train on all 60,000 images, or do not say which are held out; each has
    another permutation.
    Source: LeCun, Cortes and Burges 1998, the images; Le, Jaitly and Hinton 2015, by pixels and permuted.

    Raises:
        MissingFile: The folder, a file in it or the revision on the Hub does not exist.
        DamagedFile: A file is damaged, or does not contain images of digits.
        InvalidOption: Both a folder and the Hub are named, or a folder has several files for one part.
    """

    stream = "MNIST"
    goal = Goal("accuracy_percent", above=SOLVED["pixels"])

    def __init__(
        self,
        *,
        folder: Annotated[
            Path | None,
            Field(description="folder with MNIST, as IDX files or as Parquet files like those on the Hub"),
        ] = None,
        hub: Annotated[bool, Field(description="load MNIST from the Hugging Face Hub")] = False,
        revision: Annotated[str, Field(description="commit on the Hub to load")] = REVISION,
        form: Annotated[
            Form, Field(description="read 784 pixels, the same in a permuted order, or 28 rows")
        ] = "pixels",
        permutation: Annotated[int, Field(ge=0, description="seed of the permutation of `permuted`")] = 0,
    ) -> None:
        if folder and hub:
            raise InvalidOption(f"MNIST: folder = {folder} and hub = true exclude each other; name one")
        super().__init__(SIDE if form == "rows" else 1, CLASSES)
        self.images = _read_folder(folder) if folder else read_hub(revision) if hub else synthetic()
        self.synthetic = not folder and not hub
        self.order = _order(permutation) if form == "permuted" else None  # (784,)
        self.goal = Goal("accuracy_percent", above=SOLVED[form])

    def count(self, split: Split) -> int:
        """Return how many images a split has."""
        return len(self.images[split].labels)

    def gather(self, split: Split, rows: Tensor) -> Batch:
        """Return images of a split as a batch."""
        pixels, labels = (part[rows] for part in self.images[split])
        if self.order is not None:
            pixels = pixels[:, self.order]
        x = pixels.reshape(len(rows), -1, self.input_size).to(torch.get_default_dtype()) / 255
        steps = x.shape[1]
        mask = (torch.arange(steps) == steps - 1).repeat(len(rows), 1)
        return Batch(x, labels[:, None] * mask, mask, torch.full((len(rows),), steps))

    def loss(self, y: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross-entropy per image, in nats."""
        return cross_entropy(y[batch.mask], batch.target[batch.mask])

    def scores(self, y: Tensor, batch: Batch) -> dict[str, Score]:
        """Return accuracy_percent, and the nats per image."""
        y, labels = y[batch.mask].double(), batch.target[batch.mask]
        right = (y.argmax(-1) == labels).sum()
        nats = cross_entropy(y, labels, reduction="sum")
        return {
            "accuracy_percent": Score(100 * float(right), len(labels)),
            "nats": Score(float(nats), len(labels)),
        }

    def predict(self, y: Tensor) -> Tensor:
        """Turn logits into the probabilities of the digits."""
        return torch.softmax(y, -1)

    def oracle(self, batch: Batch) -> Tensor:
        """Return the outputs of somebody who knows the answer, for checks."""
        return 100 * one_hot(batch.target, CLASSES).to(batch.x.dtype)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what one answer to all test images scores, and the nearest of the mean training images."""
        labels = self.images["test"].labels
        shares = torch.bincount(labels, minlength=CLASSES).double() / len(labels)
        nats = -torch.special.xlogy(shares, shares).sum()
        constant = {"accuracy_percent": 100 * float(shares.max()), "nats": float(nats)}
        return {"constant": constant, "nearest-mean": {"accuracy_percent": _by_nearest_mean(self.images)}}


def _read_folder(folder: Path) -> Splits:
    files.check_folder(folder, REMEDY)
    if has_idx(folder):
        return read_idx_folder(folder)
    if has_parquet(folder):
        return read_parquet_folder(folder)
    raise MissingFile(f"{folder} has neither IDX files nor train-*.parquet of MNIST; {REMEDY}")


def _order(permutation: int) -> Tensor:
    """Return which pixel is read at each step: (784,)."""
    return torch.randperm(SIDE * SIDE, generator=torch.Generator().manual_seed(permutation))


def _by_nearest_mean(images: Splits) -> float:
    """Return the accuracy of the class whose mean training image is nearest, in percent."""
    training, test = images["train"], images["test"]
    known = torch.tensor(sorted(set(training.labels.tolist())))
    means = torch.stack([training.pixels[training.labels == label].double().mean(0) for label in known])
    # The square of the distance, less that of the image itself, which is the same for all means.
    distance = means.square().sum(1) - 2 * test.pixels.double() @ means.T  # (N, known)
    return 100 * float((known[distance.argmin(1)] == test.labels).double().mean())

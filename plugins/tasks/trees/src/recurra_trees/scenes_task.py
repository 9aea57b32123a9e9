"""Scenes made of segments: name every segment, of which the neighbours are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import pad

from recurra import Batch, GeneratedTask, Goal, GraphTask, InvalidOption, Score, Task
from recurra_trees.classes import Classes, Count
from recurra_trees.neighbour_classifiers import linear_discriminant, mean_field, with_neighbours

REFERENCE_SCENES = 1000
SMALLEST = 1e-6


class Scenes(Classes, GraphTask, GeneratedTask):
    """Classify each segment of a scene from its features and its neighbours.

    The centres of n segments are uniform in a unit square, and so are those of `regions` regions, each of a
    random class; a segment belongs to the nearest region and has its class. Its features are those of its
    class plus noise, so that one alone is often mistaken, while a region as a whole seldom is. Two segments
    are neighbours if no third centre lies in the circle between theirs (the Gabriel graph, which is always
    connected). What classes look like depends on `world` alone: it is the same in every batch and split.

    Encoding: x has the segments from left to right, the features and then both coordinates of the centre.
    target[..., 0] is the class of each segment, target[..., 1:] its row of the adjacency matrix; a learning
    rule reads them by `classes(batch)` and `adjacency(batch)`. For learning with a margin, as in the paper,
    it merges neighbours into a tree, and a tree is right if segments that are connected within one class are
    merged before those of different classes (`greedy_graph` and `mixed_regions` of `recurra-recursive`).
    Without such a rule this is the naming of each segment of a sequence. In the form `graph` x has each
    segment's row of the adjacency matrix too, and a cell that finds trees over neighbours reads it.

    Shapes: x (B, n, features + 2), as graphs with `room` numbers more; target (B, n, 1 + max_segments),
    integers; y (B, n, classes), logits, scored at every segment.
    Scores: accuracy_percent, over segments; the paper counts pixels.
    Baselines: constant, 100 / classes; segment-alone, the best that sees the features of one segment;
    neighbours, a linear discriminant that sees these and the mean of the neighbours', fitted to half of the
    scenes; mean-field, a Potts model that knows the mean features of the classes; known-regions, the best
    that sees the mean of all neighbouring segments of its class, which nobody without the classes can form.
    All but the first by a seeded simulation.
    Differs from the paper: the scenes are synthetic, as its images cannot be shipped; 16 features, not 119.
    Source: Socher, Lin, Ng and Manning 2011, for the structure that is to be predicted.
    """

    stream = "Scenes"
    goal = Goal("accuracy_percent", above=90)
    contract_options = {"min_segments": 3, "max_segments": 6}

    def __init__(
        self,
        *,
        classes: Annotated[int, Field(gt=1, description="number of classes of regions")] = 8,
        features: Annotated[Count, Field(description="number of features of a segment")] = 16,
        noise: Annotated[float, Field(ge=0, description="standard deviation of the feature noise")] = 2.0,
        regions: Annotated[Count, Field(description="number of regions in a scene")] = 5,
        min_segments: Annotated[Count, Field(description="minimum number of segments")] = 12,
        max_segments: Annotated[Count, Field(description="maximum number of segments")] = 24,
        world: Annotated[int, Field(ge=0, description="seed of the class means")] = 0,
        form: Annotated[
            Literal["segments", "graph"],
            Field(description="graph: add the neighbours to the input, for cells that find trees"),
        ] = "segments",
        room: Annotated[
            Count | None,
            Field(description="length of a row of neighbours in segments; none: twice the maximum number"),
        ] = None,
    ) -> None:
        self.form, self.features, self.room = form, features + 2, room or 2 * max_segments
        super().__init__(self.features + (self.room if form == "graph" else 0), classes)
        self.input_kind = "graphs" if form == "graph" else "vectors"
        for name, least, bound, most in (
            ("min_segments", min_segments, "max_segments", max_segments),
            ("max_segments", max_segments, "room", self.room),
        ):
            if least > most:
                raise InvalidOption(f"Scenes: {name} = {least} must not exceed {bound} = {most}")
        self.noise, self.regions, self.segments = noise, regions, (min_segments, max_segments)
        rng = torch.Generator().manual_seed(world)
        self.looks = torch.randn(classes, features, generator=rng)

    def sample(self, batch_size: int, rng: torch.Generator) -> Batch:
        """Draw numbers of segments, centres, regions with their classes, then the noise of the features."""
        least, most = self.segments
        lengths = torch.randint(least, most + 1, (batch_size,), generator=rng)
        centres = torch.rand(batch_size, most, 2, generator=rng)
        places = torch.rand(batch_size, self.regions, 2, generator=rng)
        kinds = torch.randint(self.output_size, (batch_size, self.regions), generator=rng)
        noise = torch.randn(batch_size, most, self.features - 2, generator=rng)
        there = torch.arange(most) < lengths[:, None]
        from_left = torch.where(there, centres[..., 0], 2.0).argsort(dim=1, stable=True)
        centres = centres.gather(1, from_left[..., None].expand_as(centres))
        named = kinds.gather(1, squared_distances(centres, places).argmin(2))
        x = torch.cat([self.looks[named] + self.noise * noise, centres], 2)
        neighbours = gabriel(centres, there)
        target = torch.cat([named[..., None], neighbours.long()], 2)
        if self.form == "graph":
            x = torch.cat([x, pad(neighbours.to(x.dtype), (0, self.room - most))], 2)
        shown = there[..., None]
        steps = int(lengths.max()) if batch_size else least
        x, target = torch.where(shown, x, 0.0), torch.where(shown, target, 0)
        return Batch(x[:, :steps], target[:, :steps], there[:, :steps], lengths)

    def classes(self, batch: Batch) -> Tensor:
        """Return the class of each segment, (B, T)."""
        return batch.target[..., 0]

    def adjacency(self, batch: Batch) -> Tensor:
        """Return which segments are neighbours, (B, T, T) booleans, symmetric, none its own neighbour."""
        return batch.target[..., 1 : 1 + batch.mask.shape[1]] > 0

    def region_of(self, batch: Batch) -> Tensor:
        """Return the region of each segment, (B, T): the number of its first segment in the same class."""
        named = self.classes(batch)
        same = self.adjacency(batch) & (named[:, :, None] == named[:, None, :])
        return connected(same).int().argmax(2)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return what is right by chance, by one segment alone, and by whole regions, if they were known."""
        batch = self.sample(REFERENCE_SCENES, torch.Generator().manual_seed(0))
        features = batch.x[..., : self.features - 2]
        same = self.classes(batch)[:, :, None] == self.classes(batch)[:, None, :]
        region = connected(self.adjacency(batch) & same).float()
        means = region @ features / region.sum(2, keepdim=True)
        found = {
            "segment-alone": self.scores(self.nearness(features), batch),
            "neighbours": self._discriminated(batch, features),
            "mean-field": self.scores(self._believed(batch, features), batch),
            "known-regions": self.scores(self.nearness(means), batch),
        }
        simulated = {name: {"accuracy_percent": s["accuracy_percent"].value} for name, s in found.items()}
        return {"constant": {"accuracy_percent": 100 / self.output_size}, **simulated}

    def _discriminated(self, batch: Batch, features: Tensor) -> dict[str, Score]:
        """Return the scores on one half of a batch of a discriminant fitted to the other."""
        half = len(features) // 2
        seen, shown = with_neighbours(features, self.adjacency(batch)), batch.mask[:half]
        named = self.classes(batch)[:half]
        weights, bias = linear_discriminant(seen[:half][shown], named[shown], self.output_size)
        rest = Batch(*(part[half:] for part in batch))
        return self.scores(seen[half:] @ weights + bias, rest)

    def _believed(self, batch: Batch, features: Tensor) -> Tensor:
        evidence = self.nearness(features) / max(2 * self.noise**2, SMALLEST)
        return mean_field(evidence, self.adjacency(batch))

    def nearness(self, features: Tensor) -> Tensor:
        """Return how near features (B, T, features) are to each class, (B, T, classes); all are as likely."""
        return -squared_distances(features, self.looks.expand(len(features), -1, -1))

    def suite(self) -> Mapping[str, Task]:
        """Return scenes as in training, and of twice as many segments."""
        most = self.segments[1]
        sizes = {"min_segments": 2 * most, "max_segments": 2 * most, "room": max(self.room, 2 * most)}
        larger = Scenes(**{**self.options, **sizes})
        return {f"segments-{self.segments[0]}-to-{most}": self, f"segments-{2 * most}": larger}


def squared_distances(one: Tensor, other: Tensor) -> Tensor:
    """Return those of all pairs: (B, n, D), (B, m, D) -> (B, n, m)."""
    return (one[:, :, None] - other[:, None]).square().sum(-1)


def gabriel(centres: Tensor, there: Tensor) -> Tensor:
    """Return the neighbours of the Gabriel graph of the centres (B, n, 2) that are there, (B, n, n)."""
    apart = squared_distances(centres.double(), centres.double())
    far = torch.where(there[:, None] & there[:, :, None], apart, torch.inf)
    between = far[:, :, None, :] + far[:, None, :, :]  # (B, i, j, k): a third one is in the circle if less
    others = ~torch.eye(centres.shape[1], dtype=torch.bool)
    third = others[:, None, :] & others[None]  # k is neither i nor j
    taken = ((between < apart[..., None]) & third).any(3)
    return ~taken & others & there[:, None] & there[:, :, None]


def connected(joined: Tensor) -> Tensor:
    """Return who is reached along joins (B, n, n), each one by itself too."""
    reached = joined | torch.eye(joined.shape[1], dtype=torch.bool)
    for _ in range(joined.shape[1].bit_length()):  # paths get twice as long with every product
        reached = (reached.float() @ reached.float()) > 0
    return reached

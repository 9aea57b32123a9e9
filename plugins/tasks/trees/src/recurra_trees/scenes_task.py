"""Scenes made of segments: classify every segment, given its neighbours."""

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

    The centres of n segments and of `regions` regions are uniform in a unit square, and each region has a
    random class. A segment belongs to the nearest region and has its class. The features of a segment are the
    mean of its class plus noise, so a single segment is often ambiguous, but a whole region rarely is. Two
    segments are neighbours if no third centre lies in the circle whose diameter connects theirs (the Gabriel
    graph, which is always connected). The class means depend only on `world`, so they are the same in every
    batch and split.

    Encoding: x contains the segments from left to right; the channels are the features and both coordinates
    of the centre. target[..., 0] is the class of each segment, target[..., 1:] its row of the adjacency
    matrix; a learning rule reads them with `classes(batch)` and `adjacency(batch)`. With the form `graph`, x
    also contains each segment's row of the adjacency matrix, so a cell can search for a tree over neighbours.
    As in the paper, a tree is correct if connected segments of one class are merged before segments of
    different classes (`greedy_graph` and `mixed_regions` of `recurra-recursive`). With the form `segments`,
    the task is to classify each step of a sequence.

    Shapes: x (B, n, features + 2), with `room` more channels for graphs; target (B, n, 1 + max_segments),
    integers; y (B, n, classes), logits, scored at every segment.
    Scores: accuracy_percent, over segments; the paper counts pixels.
    Baselines: constant, 100 / classes; segment-alone, the best classifier that sees the features of one
    segment; neighbours, a linear discriminant on these and the mean features of the neighbours, fitted to
    half of the scenes; mean-field, a Potts model that knows the mean features of the classes; known-regions,
    the best classifier on the mean features of the true region, which a model does not know. All but the
    first are estimated by a seeded simulation.
    Differs from the paper: the scenes are synthetic, because its images cannot be distributed; 16 features
    instead of 119.
    Source: Socher, Lin, Ng and Manning 2011, for the structure that is predicted.
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
        """Draw numbers of segments, centres, regions and their classes, then the noise of the features."""
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
        """Return the adjacency matrix, (B, T, T) booleans, symmetric with a false diagonal."""
        return batch.target[..., 1 : 1 + batch.mask.shape[1]] > 0

    def region_of(self, batch: Batch) -> Tensor:
        """Return the region of each segment, (B, T): the index of the region's first segment."""
        named = self.classes(batch)
        same = self.adjacency(batch) & (named[:, :, None] == named[:, None, :])
        return connected(same).int().argmax(2)

    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """Return the scores of chance, of single segments, and of whole regions if they were known."""
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
        """Return logits (B, T, classes) of features (B, T, features): negative distances to class means."""
        return -squared_distances(features, self.looks.expand(len(features), -1, -1))

    def suite(self) -> Mapping[str, Task]:
        """Return scenes as in training, and scenes of twice as many segments."""
        most = self.segments[1]
        sizes = {"min_segments": 2 * most, "max_segments": 2 * most, "room": max(self.room, 2 * most)}
        larger = Scenes(**{**self.options, **sizes})
        return {f"segments-{self.segments[0]}-to-{most}": self, f"segments-{2 * most}": larger}


def squared_distances(one: Tensor, other: Tensor) -> Tensor:
    """Return the squared distances of all pairs: (B, n, D), (B, m, D) -> (B, n, m)."""
    return (one[:, :, None] - other[:, None]).square().sum(-1)


def gabriel(centres: Tensor, there: Tensor) -> Tensor:
    """Return the Gabriel graph (B, n, n) of the centres (B, n, 2) at which `there` is true."""
    apart = squared_distances(centres.double(), centres.double())
    others = ~torch.eye(centres.shape[1], dtype=torch.bool)
    joined = there[:, None] & there[:, :, None] & others
    far = torch.where(joined, apart, torch.inf)
    through = (far[:, :, :, None] + far[:, :, None, :]).amin(
        1
    )  # over k, of (B, k, i, j): in the circle if less
    return joined & (through >= apart)


def connected(joined: Tensor) -> Tensor:
    """Return the reflexive transitive closure of a relation (B, n, n)."""
    reached = joined | torch.eye(joined.shape[1], dtype=torch.bool)
    for _ in range(joined.shape[1].bit_length()):  # every product doubles the length of paths
        reached = (reached.float() @ reached.float()) > 0
    return reached

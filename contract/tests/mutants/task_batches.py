"""Tasks whose options, sizes or batches are not as declared."""

import torch

from recurra import generator_of
from recurra_contract import ToyTask

from .task_altered import Altered


class KeepsObjects(ToyTask):
    def __init__(self, *, size: int = 3, device: torch.dtype = torch.float32):
        super().__init__(size=size)


class RemembersNothing(ToyTask):
    made = 0

    def __init__(self, *, size: int = 3, length: int = 5):
        type(self).made += 1
        super().__init__(size=size, length=length + type(self).made % 2)


class NoWidth(ToyTask):
    def __init__(self):
        super().__init__()
        self.output_size = 0


class UnknownInputKind(ToyTask):
    input_kind = "pictures"


class NoStream(ToyTask):
    stream = ""


class SuiteWithoutStream(ToyTask):
    def suite(self):
        return {"length-9": NoStream(length=9)}


class VersionInWords(ToyTask):
    version = "1.0"


class VersionZero(ToyTask):
    version = 0


class KeyedByClass(ToyTask):
    def generator(self, k, *, seed, split):
        return generator_of(type(self).__name__, self.version, seed, split, k)


class TimeFirst(Altered):
    def alter(self, batch):
        return batch._replace(x=batch.x.transpose(0, 1))


class MaskOfNumbers(Altered):
    def alter(self, batch):
        return batch._replace(mask=batch.mask.float())


class Overlong(Altered):
    def alter(self, batch):
        return batch._replace(lengths=batch.lengths + self.length)


class EmptyRow(Altered):
    def alter(self, batch):
        return batch._replace(lengths=torch.zeros_like(batch.lengths))


class TooWide(Altered):
    def alter(self, batch):
        return batch._replace(x=torch.cat([batch.x, batch.x], -1))


class DoublePrecision(Altered):
    def alter(self, batch):
        return batch._replace(x=batch.x.double())


class Infinite(Altered):
    def alter(self, batch):
        return batch._replace(x=batch.x / 0)


class TokenTooLarge(Altered):
    input_kind = "tokens"

    def alter(self, batch):
        return batch._replace(x=torch.full(batch.mask.shape, self.input_size))


class Trees(Altered):
    """Gives x as trees, whose arities are in the last channel."""

    input_kind = "trees"
    arities = (0, 0, 2, 0, 2)

    def alter(self, batch):
        arities = torch.tensor(self.arities).expand(batch.mask.shape)
        return batch._replace(x=torch.cat([batch.x[..., :-1], arities[..., None].to(batch.x)], -1))


class TokenTrees(Trees):
    input_kind = "token-trees"

    def alter(self, batch):
        tokens = torch.stack(
            [batch.target.argmax(-1), torch.tensor(self.arities).expand(batch.mask.shape)], -1
        )
        return batch._replace(x=tokens)


class HalfAChild(Trees):
    arities = (0, 0, 1.5, 0, 2)


class LessThanNoChild(Trees):
    arities = (0, 0, -1, 0, 2)


class OrphansOfNobody(Trees):
    arities = (0, 2, 0, 0, 2)


class TokenTreeOfOrphans(TokenTrees):
    arities = (0, 0, 3, 0, 2)


class TreeTokenTooLarge(TokenTrees):
    def alter(self, batch):
        batch = super().alter(batch)
        return batch._replace(x=batch.x + torch.tensor([self.input_size, 0]))


class TreesWithoutArities(TokenTrees):
    def alter(self, batch):
        return batch._replace(x=super().alter(batch).x[..., 0])


class AlwaysFour(ToyTask):
    def sample(self, batch_size, rng):
        return super().sample(4, rng)


class ScoresPadding(Altered):
    def alter(self, batch):
        return batch._replace(mask=torch.ones_like(batch.mask))


class ScoresNothing(Altered):
    def alter(self, batch):
        return batch._replace(mask=torch.zeros_like(batch.mask))


class SharedLengths(Altered):
    def alter(self, batch):
        return batch._replace(lengths=torch.tensor([self.length]))


MUTANTS = [
    ("check_options_round_trip", KeepsObjects),
    ("check_options_round_trip", RemembersNothing),
    ("check_sizes_are_declared", NoWidth),
    ("check_sizes_are_declared", UnknownInputKind),
    ("check_stream_and_version_are_stated", NoStream),
    ("check_stream_and_version_are_stated", SuiteWithoutStream),
    ("check_stream_and_version_are_stated", VersionInWords),
    ("check_stream_and_version_are_stated", VersionZero),
    ("check_class_name_does_not_matter", KeyedByClass),
    ("check_batch_has_declared_shapes", TimeFirst),
    ("check_batch_has_declared_shapes", MaskOfNumbers),
    ("check_batch_has_declared_shapes", Overlong),
    ("check_batch_has_declared_shapes", EmptyRow),
    ("check_batch_has_declared_shapes", TooWide),
    ("check_batch_has_declared_shapes", DoublePrecision),
    ("check_batch_has_declared_shapes", Infinite),
    ("check_batch_has_declared_shapes", TokenTooLarge),
    ("check_batch_has_declared_shapes", HalfAChild),
    ("check_batch_has_declared_shapes", LessThanNoChild),
    ("check_batch_has_declared_shapes", OrphansOfNobody),
    ("check_batch_has_declared_shapes", TokenTreeOfOrphans),
    ("check_batch_has_declared_shapes", TreeTokenTooLarge),
    ("check_batch_has_declared_shapes", TreesWithoutArities),
    ("check_batch_size_is_honoured", AlwaysFour),
    ("check_mask_lies_within_lengths", ScoresPadding),
    ("check_mask_lies_within_lengths", ScoresNothing),
    ("check_ranks_share_a_batch", SharedLengths),
]

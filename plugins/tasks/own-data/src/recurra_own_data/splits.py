"""Which sequences are for training, validation and test where the user's data does not say so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence

import torch

from recurra import InvalidInput, InvalidOption, Split, generator_of


def divided(
    groups: Sequence[Hashable], shares: Mapping[Split, float], seed: int, where: str
) -> Mapping[Split, list[int]]:
    """Return which sequences each split has: `train`, and those that have a share.

    Sequences are drawn at random, of each group so many that its share is the same in every split.

    Args:
        groups: (N,) the group of each sequence, such as its class.
        shares: The fractions of validation and test.
        seed: Seed of the draw.
        where: The file, for messages.

    Raises:
        InvalidOption: The shares leave nothing to train on.
        InvalidInput: There are too few sequences for a split.
    """
    if sum(shares.values()) >= 1:
        named = " and ".join(f"{split}_share = {share}" for split, share in shares.items())
        raise InvalidOption(f"{named} leave nothing to train on; their sum must be below 1")
    order = torch.randperm(len(groups), generator=generator_of("own-data", seed)).tolist()
    members = defaultdict[Hashable, list[int]](list)
    for number in order:
        members[groups[number]].append(number)
    spread = _spread(members)
    splits: dict[Split, list[int]] = {}
    for split, share in shares.items():
        size = round(share * len(groups))
        if not 0 < size < len(spread):
            message = f"{where} has {len(groups)} sequences, too few for a {split} share of {share}"
            raise InvalidInput(f"{message}; add sequences, or name a {split}_file")
        splits[split], spread = sorted(spread[:size]), spread[size:]
    return {"train": sorted(spread), **splits}


def _spread(members: Mapping[Hashable, Sequence[int]]) -> list[int]:
    """Return all members in an order in which every group is spread evenly."""
    placed = [
        ((place + 0.5) / len(group), number)
        for group in members.values()
        for place, number in enumerate(group)
    ]
    return [number for _, number in sorted(placed)]

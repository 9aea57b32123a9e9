"""One-shot storing and retrieving of facts, as pure functions of batches.

A fact is k vectors, one for each role, such as (loves, John, Mary). A memory of rank k is a tensor with an
axis for each role, and holds the sum of the outer products of all facts in it; without facts it is zero.

Source: Smolensky 1990, Artificial Intelligence 46:159-216; for any rank, Wilson's tensor product networks.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from recurra import InvalidInput


def store(T: Tensor, fact: Sequence[Tensor]) -> Tensor:
    """Return the memory with one more fact: T (B, d_1, ..., d_k), k vectors (B, d_i) -> (B, d_1, ..., d_k).

        T' = T + v1 ⊗ v2 ⊗ ... ⊗ vk

    Raises:
        InvalidInput: The vectors do not fit the memory, one for each of its axes.
    """
    _check_fits("store", T, fact)
    return T + product(fact)


def retrieve(T: Tensor, cues: Sequence[Tensor | None]) -> Tensor:
    """Return what completes a fact: T (B, d_1, ..., d_k), k - 1 vectors (B, d_i) and one None -> (B, d_j).

        r_j = Σ T_ab...c v1_a v2_b ... vk_c, the sum over all axes but that of None, j

    That is the sum of the vectors that role j has in the facts stored, each times the inner products of the
    cues with the other vectors of its fact. Where the vectors of a role are orthonormal these are one or
    zero, and what is retrieved is exact; a role of size d has at most d such vectors. With random unit
    vectors the other facts of m add noise of length √((m − 1) / D), as root mean square, D the product of the
    sizes of the cues.

    Raises:
        InvalidInput: The cues do not fit the memory, or not exactly one is None.
    """
    missing = sum(cue is None for cue in cues)
    if missing != 1:
        raise InvalidInput(f"retrieve: exactly one cue must be None, the one to retrieve, got {missing}")
    _check_fits("retrieve", T, cues)
    # From the last axis to the first, so that the axes still to come keep their numbers.
    for axis, cue in reversed(list(enumerate(cues, 1))):
        if cue is not None:
            T = torch.einsum("b...i,bi->b...", T.movedim(axis, -1), cue)
    return T


def product(vectors: Sequence[Tensor]) -> Tensor:
    """Return the outer product of vectors (B, d_1), ..., (B, d_r): (B, d_1, ..., d_r)."""
    made = vectors[0]
    for v in vectors[1:]:
        made = made[..., None] * v.reshape(v.shape[0], *[1] * (made.dim() - 1), v.shape[1])
    return made


def _check_fits(who: str, T: Tensor, vectors: Sequence[Tensor | None]) -> None:
    if not isinstance(T, Tensor) or T.dim() < 2:
        got = tuple(T.shape) if isinstance(T, Tensor) else type(T).__name__
        raise InvalidInput(f"{who}: the memory must be a tensor (batch, d_1, ..., d_k), got {got}")
    batch_size, *sizes = T.shape
    if len(vectors) != len(sizes):
        raise InvalidInput(f"{who}: a memory of rank {len(sizes)} takes as many vectors, got {len(vectors)}")
    for role, (v, size) in enumerate(zip(vectors, sizes, strict=True), 1):
        if v is not None or who == "store":
            _check_vector(who, role, v, (batch_size, size), T)


def _check_vector(who: str, role: int, v: Tensor | None, shape: tuple[int, int], like: Tensor) -> None:
    if not isinstance(v, Tensor) or v.shape != shape:
        got = tuple(v.shape) if isinstance(v, Tensor) else type(v).__name__
        raise InvalidInput(f"{who}: vector {role} must be a tensor {shape}, got {got}")
    mixes = torch.amp.is_autocast_available(v.device.type) and torch.is_autocast_enabled(v.device.type)
    if v.device != like.device or (v.dtype != like.dtype and not mixes):
        wanted = f"{like.dtype} on {like.device}"
        raise InvalidInput(f"{who}: vector {role} must be {wanted}, got {v.dtype} on {v.device}")

"""The data of a task is a function of the batch number, the split and the seed."""

from __future__ import annotations

import torch

from recurra.task import Batch
from recurra_contract.fingerprints import content, fingerprint, fingerprints
from recurra_contract.kit import Make, Skip
from recurra_contract.subprocess_worker import batch_in_another_process
from recurra_contract.task_probes import (
    SEED,
    SIZE,
    draw,
    expect,
    expect_same,
    generator_states,
    same_bytes,
    supervised,
)
from recurra_lab.training.batches import Batches


def check_batch_is_a_function_of_its_number(make: Make) -> None:
    """Batch k has the same bytes whatever was drawn before, in any instance of the task."""
    first, second = make(), make()
    forth = [draw(first, k) for k in range(3)]
    torch.rand(1)
    back = [draw(second, k) for k in reversed(range(3))]
    for k, (one, other) in enumerate(zip(forth, reversed(back), strict=True)):
        expect_same(one, other, f"batch {k}, drawn in another order")


def check_batch_is_the_same_in_another_process(make: Make) -> None:
    """Batch k has the same bytes in another process, with another value of PYTHONHASHSEED."""
    task = make()
    there = batch_in_another_process(task, batch_size=SIZE, seed=SEED)
    here = [content(part).hex() for part in draw(task)]
    expect(here == there, "another process draws different data for the same batch")


def check_batches_differ(make: Make) -> None:
    """Another number, another seed and another split each give a different batch."""
    task = make()
    base = draw(task)
    others = {
        "k": draw(task, 1),
        "the seed": draw(task, seed=SEED + 1),
        **{f"the split '{split}'": draw(task, split=split) for split in ("validation", "test")},
    }
    for what, other in others.items():
        expect(not same_bytes(base, other), f"{what} has no effect: it gives an identical batch")
    held_out = [draw(task, split=split) for split in ("validation", "test")]
    expect(not same_bytes(*held_out), "the batches of validation and test are identical")


def check_all_randomness_comes_from_rng(make: Make) -> None:
    """`sample` is the same for equal states of `rng`, and differs for another state."""
    sample = getattr(make(), "sample", None)
    if sample is None:
        raise Skip("the task has no `sample`, so it draws nothing")
    one, same, other = (sample(SIZE, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    expect_same(one, same, "a second sample from the same state of rng")
    expect(not same_bytes(one, other), "sample does not draw from rng: another state gives the same batch")


def check_global_generators_are_left_alone(make: Make) -> None:
    """Drawing a batch does not change the global generators of PyTorch, Python and NumPy."""
    task = make()
    before = generator_states()
    draw(task)
    for name, state in generator_states().items():
        expect(state == before[name], f"sample draws from the global generator of {name}; it must use rng")


def check_ranks_share_a_batch(make: Make) -> None:
    """The rows of all ranks together are the rows of a single process, without duplicates or gaps."""
    task = make()
    whole = draw(task)
    shares = [Batches(task, SIZE, SEED, "train", rank, 2)[0] for rank in range(2)]
    for share in shares:
        rows = [part.shape[0] for part in share]
        expect(rows == [SIZE // 2] * 4, f"one of two ranks reads {rows} rows of x, target, mask, lengths")
    joined = Batch(*(torch.cat(parts) for parts in zip(*shares, strict=True)))
    expect_same(whole, joined, "what two ranks read together")


def check_fingerprints_are_stable(make: Make) -> None:
    """Two instances have the same fingerprints in training and in the suite, whose variants all differ.

    Variants of an environment may be equal: its batches contain only seeds.
    """
    one, two = fingerprints(make()), fingerprints(make())
    changed = [name for name in one if one[name] != two.get(name)]
    expect(not changed, f"two instances give different data for the same seed in: {', '.join(changed)}")
    variants = [fingerprint(variant) for variant in supervised(make()).suite().values()]
    expect(len(set(variants)) == len(variants), "two variants of the suite give identical data")

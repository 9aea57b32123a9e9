"""The options, sizes and names of a task, and what its batches look like."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from recurra.checks import INTEGER_DTYPES
from recurra.config.ref import plain
from recurra.task import Batch, Task
from recurra_contract.kit import CheckFailed, Make
from recurra_contract.task_probes import (
    SIZE,
    draw,
    expect,
    expect_same,
    inside,
    with_suite,
)
from recurra_lab.training.input_formats import INPUT_FORMATS


def check_options_round_trip(make: Make) -> None:
    """Options written to JSON and read back create a task with the same options and data."""
    task = make()
    try:
        again = type(task)(**json.loads(json.dumps(plain(task.options))))
    except Exception as error:
        raise CheckFailed(f"options written as JSON are rejected when read back: {error}") from error
    expect(again.options == task.options, f"{task.options} were read back as {again.options}")
    expect_same(draw(task), draw(again), "a task made from the same options")


def check_sizes_are_declared(make: Make) -> None:
    """`input_size` and `output_size` are positive integers, and the input kind is a known one.

    The input kinds are vectors, trees, tokens, token-trees and graphs.
    """
    task = make()
    for name in ("input_size", "output_size"):
        size = getattr(task, name, None)
        expect(isinstance(size, int) and size > 0, f"{name} must be a positive integer, got {size!r}")
    known = ", ".join(INPUT_FORMATS)
    message = f"input_kind must be one of {known}, got {task.input_kind!r}"
    expect(task.input_kind in INPUT_FORMATS, message)


def check_stream_and_version_are_stated(make: Make) -> None:
    """`stream` is a name that seeds the data, and `version` a positive integer, in the whole suite."""
    for name, task in with_suite(make()):
        stream, version = task.stream, task.version
        message = f"{name}: set `stream`, a name that seeds the data, got {stream!r}"
        expect(isinstance(stream, str) and bool(stream), message)
        message = f"{name}: version must be a positive integer, got {version!r}"
        expect(isinstance(version, int) and version > 0, message)


def check_class_name_does_not_matter(make: Make) -> None:
    """A class with the same `stream` and another name gives the same batches."""
    task = make()
    renamed = type("Renamed", (type(task),), {"__module__": type(task).__module__})
    expect_same(draw(task), draw(renamed(**task.options)), "a class with another name")


def check_batch_has_declared_shapes(make: Make) -> None:
    """A batch is x (B, T, input_size) or tokens (B, T), target (B, T, ...), mask (B, T), lengths (B,).

    Vectors are finite floating-point numbers and tokens integers from 0 to input_size - 1. The mask is
    boolean, lengths lie between 1 and T, and all tensors are on the CPU. Trees of tokens are (B, T, 2). The
    last channel of a tree holds integers, and no node has more children than there are preceding
    nodes without a parent.
    """
    task = make()
    batch = draw(task)
    steps = batch.x.shape[1]
    token_shape = INPUT_FORMATS[task.input_kind].token_shape
    wanted = (SIZE, steps, *((task.input_size,) if token_shape is None else token_shape))
    expect(batch.x.shape == wanted, f"x must be {wanted}, got {tuple(batch.x.shape)}")
    expect(batch.target.shape[:2] == (SIZE, steps), f"target must start with {(SIZE, steps)}")
    expect(batch.mask.shape == (SIZE, steps), f"mask must be {(SIZE, steps)}, got {tuple(batch.mask.shape)}")
    expect(batch.mask.dtype == torch.bool, f"mask must be boolean, got {batch.mask.dtype}")
    expect(batch.lengths.shape == (SIZE,), f"lengths must be ({SIZE},), got {tuple(batch.lengths.shape)}")
    expect(batch.lengths.dtype in INTEGER_DTYPES, f"lengths must be integers, got {batch.lengths.dtype}")
    span = (int(batch.lengths.min()), int(batch.lengths.max()))
    expect(1 <= span[0] <= span[1] <= steps, f"lengths must lie between 1 and T = {steps}, got {span}")
    expect(all(part.device.type == "cpu" for part in batch), "a batch must be drawn on the CPU")
    _expect_values(task, batch.x)
    if task.input_kind.endswith("trees"):
        _expect_trees(batch)


def _expect_trees(batch: Batch) -> None:
    arity = torch.where(inside(batch), batch.x[..., -1], 0).double()
    expect(bool((arity == arity.round()).all()), "the arities of a tree must be integers")
    expect(bool((arity >= 0).all()), "the arities of a tree must not be negative")
    # After each node, that node at least is waiting; a step that leaves none has taken more than there were.
    waiting = (1 - arity).cumsum(1)
    expect(
        bool((waiting >= 1).all()),
        "a node of a tree has more children than there are preceding nodes without a parent",
    )


def _expect_values(task: Task, x: Tensor) -> None:
    if INPUT_FORMATS[task.input_kind].token_shape is not None:
        expect(x.dtype in (torch.int64, torch.int32), f"tokens must be torch.int64 or int32, got {x.dtype}")
        tokens = x[..., 0] if task.input_kind == "token-trees" else x
        span = (int(tokens.min()), int(tokens.max()))
        expect(
            0 <= span[0] <= span[1] < task.input_size, f"tokens must be below {task.input_size}, got {span}"
        )
    else:
        expect(x.dtype == torch.get_default_dtype(), f"x must be {torch.get_default_dtype()}, got {x.dtype}")
        expect(bool(torch.isfinite(x).all()), "x must be finite")


def check_batch_size_is_honoured(make: Make) -> None:
    """A batch has the requested number of rows, including a single one."""
    task = make()
    for size in (1, 2, 5):
        rows = [part.shape[0] for part in draw(task, batch_size=size)]
        expect(rows == [size] * 4, f"{size} rows were requested, but x, target, mask, lengths have {rows}")


def check_mask_lies_within_lengths(make: Make) -> None:
    """Every row has a scored step, and none is scored after its end, in the task and its suite."""
    for name, task in with_suite(make()):
        batch = draw(task)
        outside = ~inside(batch) & batch.mask
        expect(not bool(outside.any()), f"{name}: the mask includes steps beyond the length of their row")
        expect(bool(batch.mask.any(1).all()), f"{name}: the mask of a row is empty, so nothing is scored")

"""Conversion between batches and rows of a Parquet file; variable-length rows are stored without padding.

pyarrow and `datasets` are slow to import and therefore imported on first use.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from recurra.data.files import short_message
from recurra.data.ragged import Ragged, unpadded
from recurra.errors import DamagedFile
from recurra.task import Batch
from recurra_lab.artifacts.atomic_files import durable

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

PARTS = ("x", "target", "mask")
Fill = dict[str, float]
"""Padding values of x, target and mask."""


def fill_of(batches: list[Batch]) -> Fill:
    """Return the padding values of batches; some tasks mark the padding of their target."""
    return {name: _padding(name, batches) for name in PARTS}


def _padding(name: str, batches: list[Batch]) -> float:
    for batch in batches:
        padding = getattr(batch, name)[~unpadded(batch.lengths, batch.mask.shape[1])]
        if padding.numel() and bool(torch.isfinite(padding.flatten()[0])):
            return float(padding.flatten()[0])
    return 0.0


def tables_of(batches: list[Batch], fill: Fill) -> pa.Table:
    """Return batches as a table of one row per sequence.

    Columns: x, target and mask as lists over time; length; and steps, the padded T of the batch. A row whose
    padding differs from the fill keeps its padding, so that nothing is lost.
    """
    import pyarrow as pa

    return pa.concat_tables([_table_of(batch, fill) for batch in batches])


def _table_of(batch: Batch, fill: Fill) -> pa.Table:
    import pyarrow as pa

    columns = {name: _column(getattr(batch, name), batch.lengths, fill[name]) for name in PARTS}
    steps = torch.full_like(batch.lengths, batch.mask.shape[1])
    return pa.table({**columns, "length": batch.lengths.numpy(), "steps": steps.numpy()})


def _column(part: Tensor, lengths: Tensor, fill: float) -> pa.Array:
    import pyarrow as pa

    steps = part.shape[1]
    foreign = (part != fill).flatten(2).any(2) if part.dim() > 2 else part != fill  # (B, T)
    odd = (foreign & ~unpadded(lengths, steps)).any(1)
    counts = torch.where(odd, steps, lengths.long())
    values: pa.Array = pa.array(part[unpadded(counts, steps)].flatten().numpy())
    for size in reversed(part.shape[2:]):
        values = pa.FixedSizeListArray.from_arrays(values, size)
    ends = torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)])
    return pa.ListArray.from_arrays(pa.array(ends.int().numpy()), values)


class Rows:
    """All rows of one split, in memory.

    Args:
        table: Table of `tables_of`.
        fill: Padding values.
    """

    def __init__(self, table: pa.Table, fill: Fill) -> None:
        self.parts = {name: _ragged(table[name]) for name in PARTS}
        self.lengths, self.steps = (_tensor(table[name].combine_chunks()) for name in ("length", "steps"))
        self.fill = fill

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, rows: Tensor) -> Batch:
        """Return rows (B,) as a batch, with its original padding."""
        steps = int(self.steps[rows].max()) if len(rows) else 0
        parts = {name: ragged.padded(rows, steps, self.fill[name]) for name, ragged in self.parts.items()}
        return Batch(**parts, lengths=self.lengths[rows])


def _ragged(column: pa.ChunkedArray) -> Ragged:
    import pyarrow as pa

    lists = column.combine_chunks()
    counts = _tensor(lists.value_lengths()).long()
    values, sizes = lists.flatten(), []
    while pa.types.is_fixed_size_list(values.type):
        sizes.append(values.type.list_size)
        values = values.flatten()
    return Ragged(_tensor(values).reshape(-1, *sizes), counts.cumsum(0) - counts, counts)


def _tensor(values: pa.Array) -> Tensor:
    # A copy, because torch warns about read-only arrays.
    return torch.from_numpy(values.to_numpy(zero_copy_only=False).copy())


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table durably as Parquet."""
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    with durable(path) as file:
        pq.write_table(table, file)


def read_table(path: Path) -> pa.Table:
    """Read a table that `write_table` wrote.

    Raises:
        DamagedFile: The file is not a readable Parquet file or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        message = f"{path} is not a readable Parquet file ({short_message(error)})"
        raise DamagedFile(f"{message}; write the snapshot again") from None
    missing = [name for name in (*PARTS, "length", "steps") if name not in table.column_names]
    if missing:
        raise DamagedFile(f"{path} lacks the column {missing[0]}; write the snapshot again")
    return table


def as_dataset(table: pa.Table) -> Any:
    """Return a table as a `datasets.Dataset`."""
    from datasets import Dataset

    return Dataset(table)

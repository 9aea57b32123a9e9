"""What tasks of real data read: files, plain or compressed, and the Hub; a failure is one sentence.

pyarrow and `datasets` are slow to import, so that happens when they are first used.
"""

from __future__ import annotations

import functools
import gzip
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from recurra.errors import DamagedFile, MissingFile

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

R = TypeVar("R")


def short_message(error: BaseException) -> str:
    """Return the first line of what an error says, or its name when it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def check_folder(folder: Path, remedy: str) -> None:
    """Check that a folder is there.

    Raises:
        MissingFile: There is no such folder; `remedy` says what to put there.
    """
    if not folder.is_dir():
        raise MissingFile(f"the folder {folder} does not exist; {remedy}, and name the folder they are in")


def first_of(folder: Path, names: Iterable[str], remedy: str) -> Path:
    """Return the first of some files that is in a folder.

    Raises:
        MissingFile: None of them is.
    """
    names = list(names)
    path = next((path for name in names if (path := folder / name).is_file()), None)
    if path is None:
        message = f"neither {' nor '.join(names)}" if len(names) > 1 else f"no {names[0]}"
        raise MissingFile(f"{folder} has {message}; {remedy}")
    return path


def content_of(path: Path, kind: str, remedy: str) -> bytes:
    """Return what is in a file, decompressed if its name ends in .gz.

    Raises:
        DamagedFile: It cannot be read or decompressed as a file of a kind, such as `text`.
    """
    if path.exists() and not path.is_file():  # a pipe is never ready, and a device has no end
        raise DamagedFile(f"{path} is not a file; replace it: {remedy}")
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, kind, error, remedy) from None


def unreadable(path: Path, kind: str, error: BaseException, remedy: str) -> DamagedFile:
    """Return the error that a file cannot be read as a file of a kind, such as `text`."""
    return DamagedFile(f"{path} cannot be read as {kind} ({short_message(error)}); replace it: {remedy}")


def parquet(path: Path, remedy: str) -> pa.Table:
    """Read a Parquet file.

    Raises:
        DamagedFile: It is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    try:
        with pq.ParquetFile(path) as file:
            return file.read()
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, "Parquet", error, remedy) from None


def from_hub(what: str, remedy: str, *named: str, **how: Any) -> Any:
    """Return what `datasets.load_dataset(*named, **how)` gives: split -> `datasets.Dataset`.

    Args:
        what: What is loaded, for the message: the data set and its revision.
        remedy: What to do without a network.
        named: The data set, and its configuration.
        how: Keywords of `load_dataset`.

    Raises:
        MissingFile: It cannot be loaded, for whatever reason.
    """
    import datasets

    try:
        return datasets.load_dataset(*named, **how)
    except Exception as error:  # whatever a network, a cache and three libraries say
        message = f"{what} cannot be loaded from the Hub ({short_message(error.__cause__ or error)})"
        raise MissingFile(f"{message}; without a network, {remedy}") from error


def cached_read(reader: Callable[..., R], *paths: Path) -> R:
    """Return reader(*paths), which is kept and shared in this process until one of the files changes."""
    found = [path.stat() for path in paths]
    kept: R = _held(reader, paths, tuple((about.st_mtime_ns, about.st_size) for about in found))
    return kept


@functools.lru_cache(maxsize=8)
def _held(reader: Callable[..., R], paths: tuple[Path, ...], changes: tuple[tuple[int, int], ...]) -> R:
    return reader(*paths)

"""Where the sequences of a task come from: files, or a data set of the `datasets` library."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from recurra import DamagedFile, InvalidOption, Split, files
from recurra_own_data.table import Table, columns_of, read_table

PARTS: Mapping[Split, tuple[str, ...]] = {
    "train": ("train",),
    "validation": ("validation", "valid", "dev"),
    "test": ("test",),
}
"""What data sets call the splits."""


class Source(NamedTuple):
    """The options that say where the data is; see `OwnData`."""

    file: Path | None
    validation_file: Path | None
    test_file: Path | None
    dataset: str | None
    revision: str | None
    configuration: str | None
    text: frozenset[str] = frozenset()

    def tables(self) -> Mapping[Split, Table]:
        """Return the table of each split that the source has; that of training always.

        Raises:
            MissingFile: A file or the data set does not exist.
            DamagedFile: A file cannot be read, or the data set has no training split.
            InvalidInput: A table has no rows.
        """
        if self.dataset:
            return self._of_dataset(self.dataset)
        files: Mapping[Split, Path | None] = {
            "train": self.file,
            "validation": self.validation_file,
            "test": self.test_file,
        }
        texts = self.text | (read_table(self.file, self.text).texts if self.file else frozenset())
        return {split: read_table(path, texts) for split, path in files.items() if path is not None}

    def check(self, task: str) -> None:
        """Check that the options belong together.

        Raises:
            InvalidOption: They exclude each other, or one lacks another.
        """
        if self.file and self.dataset:
            message = f"file = {self.file} and dataset = {self.dataset} exclude each other; name one"
            raise InvalidOption(f"{task}: {message}")
        for name in ("validation_file", "test_file"):
            if getattr(self, name) and not self.file:
                raise InvalidOption(f"{task}: {name} needs file, the file to train on")
        for name in ("revision", "configuration"):
            if getattr(self, name) and not self.dataset:
                raise InvalidOption(f"{task}: {name} needs dataset, the data set that it belongs to")
        if self.dataset and not self.revision and not Path(self.dataset).exists():
            message = f"{task}: dataset = {self.dataset} is no folder here, and on the Hub it may change"
            raise InvalidOption(f"{message}; set task.revision to the commit to load")

    def _of_dataset(self, dataset: str) -> Mapping[Split, Table]:
        found = _loaded(dataset, self.revision, self.configuration)
        if "train" not in found:
            message = f"{dataset} has no split 'train', only {', '.join(found)}"
            raise DamagedFile(f"{message}; name another data set")
        named = {split: [name for name in names if name in found] for split, names in PARTS.items()}
        return {split: found[names[0]].with_text(self.text) for split, names in named.items() if names}


@functools.lru_cache(maxsize=4)
def _loaded(dataset: str, revision: str | None, configuration: str | None) -> Mapping[str, Table]:
    found = _from_disk(Path(dataset)) or files.from_hub(
        f"{dataset} at revision '{revision}'" if revision else dataset,
        "name a file or a folder on this machine",
        *(name for name in (dataset, configuration) if name is not None),
        revision=revision,
    )
    return {
        name: Table(f"{dataset} ({name})", columns_of(part.with_format("arrow")[:], f"{dataset} ({name})"))
        for name, part in found.items()
    }


def _from_disk(folder: Path) -> Any:
    """Return what `Dataset.save_to_disk` or `DatasetDict.save_to_disk` wrote, or None."""
    if not any(
        (folder / name).is_file() for name in ("dataset_dict.json", "dataset_info.json", "state.json")
    ):
        return None
    import datasets

    try:
        found = datasets.load_from_disk(str(folder))
    except Exception as error:  # whatever the library says of a damaged folder
        message = f"{folder} cannot be read as a saved data set ({files.short_message(error)})"
        raise DamagedFile(f"{message}; save it again") from None
    return found if isinstance(found, dict) else {"train": found}

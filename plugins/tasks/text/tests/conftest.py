"""What the tests of text share: a folder of their own for `datasets`, and a Hub that has what it is given."""

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recurra_text import reviews, tables


@pytest.fixture
def no_cache(tmp_path, monkeypatch):
    """Let `datasets` write to a folder of the test, and forget what came from the Hub before."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    _forget()
    yield
    _forget()


def _forget():
    tables.hub_columns.cache_clear()
    reviews.read_hub.cache_clear()


@pytest.fixture
def offered(monkeypatch):
    """Let the Hub have these tables, and remember what it was asked for."""

    def offer(**parts):
        asked = []

        def load_dataset(*named, **how):
            asked.append((named, how))
            return {part: datasets.Dataset(pa.table(table)) for part, table in parts.items()}

        _forget()
        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        return asked

    yield offer
    _forget()


@pytest.fixture
def parquet_folder(tmp_path):
    """Write the splits of a data set as Parquet, as on the Hub, and return the folder."""

    def write(**parts):
        folder = tmp_path / "hub"
        for part, table in parts.items():
            path = folder / "data" / f"{part}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(table), path)
        return folder

    return write

"""Every reader of data files answers any fault of a file in one sentence, or reads what is there."""

import random
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from damaged_data import READERS, contents, damage
from recurra import RecurraError
from recurra.plugins.registry import load
from recurra_lab.experiments.overrides import options_under


def read(reader, named):
    """Read a file as `recurra show` does: the task and its first batch."""
    task, *words = (word.format(named) for word in reader.words)
    made = load("task", task)(**options_under("task", words))
    made.batch(0, batch_size=2, seed=0, split="train")


@pytest.mark.parametrize("name", READERS)
def test_an_intact_file_is_read(name, tmp_path):
    read(READERS[name], READERS[name].write(tmp_path)[1])


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    return contents(tmp_path_factory.mktemp("others"))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=12, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_damaged_file_gives_a_sentence_or_is_read(name, others, tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("damaged")
    path, named = READERS[name].write(folder)
    damage(path, others, random.Random(seed))
    with suppress(RecurraError):
        read(READERS[name], named)

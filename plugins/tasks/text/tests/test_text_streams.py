"""How a text is read window by window: nothing is lost, nothing is read twice, and every stream goes on."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra_text.streams import Streams, streams


def test_by_hand():
    read = Streams(predicted=11, rows=2, window=3, skipped=0)
    assert (read.length, read.windows) == (5, 2)
    assert read.places(0, 0).tolist() == [[0, 1, 2], [5, 6, 7]]
    assert read.places(1, 0).tolist() == [[3, 4], [8, 9]]
    assert torch.equal(read.places(2, 0), read.places(0, 1))


@given(st.integers(1, 400), st.integers(1, 9), st.integers(1, 60), st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_held_out_text_is_read_once_in_a_pass_but_for_the_rest(predicted, rows, window, turn):
    read = streams(predicted, rows, window, "test")
    windows = [read.places(turn * read.windows + at, 0) for at in range(read.windows)]
    places = torch.cat(windows, 1)
    assert places.shape == (rows, read.length)
    if rows <= predicted:
        assert places.flatten().tolist() == list(range(rows * read.length))
        assert predicted - places.numel() < rows


@given(st.integers(20, 5000), st.integers(1, 9), st.integers(1, 60), st.integers(0, 3), st.integers(0, 9))
@settings(max_examples=80, deadline=None)
def test_in_training_every_window_goes_on_and_stays_within(predicted, rows, window, turn, seed):
    read = streams(predicted, rows, window, "train")
    windows = [read.places(turn * read.windows + at, seed) for at in range(read.windows)]
    places = torch.cat(windows, 1)
    assert bool((places.diff(dim=1) == 1).all())
    assert int(places.min()) >= 0
    assert int(places.max()) < predicted
    assert len(places.unique()) == places.numel()
    assert predicted - places.numel() < rows + read.skipped


def test_passes_and_seeds_begin_elsewhere():
    read = streams(100_000, 4, 50, "train")
    begins = {int(read.places(read.windows * turn, seed)[0, 0]) for turn in range(20) for seed in range(20)}
    assert begins <= set(range(100))
    assert len(begins) > 90


@pytest.mark.parametrize("rows", [3, 8])
def test_more_streams_than_symbols_read_the_same(rows):
    assert streams(3, rows, 5, "test").places(0, 0).tolist() == [[row % 3] for row in range(rows)]

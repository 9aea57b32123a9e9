"""What is drawn of a trace: shades, sizes and captions."""

import math

import pytest
import torch

from recurra_lab.reports.heatmaps import _shrunk, _span, pictures
from recurra_lab.reports.rollout import Trace

from .report_parts import report, titles


def test_large_pictures_shrink_without_losing_a_spike_of_either_sign():
    image = torch.zeros(1000, 3000)
    image[123, 456], image[900, 2000] = 1.0, -2.0
    small = _shrunk(image, 256, 600)
    assert small.shape == (256, 600)
    assert (float(small.max()), float(small.min())) == (1.0, -2.0)
    assert torch.equal(_shrunk(image[:5, :5], 256, 600), image[:5, :5])


@pytest.mark.parametrize(
    ("values", "span"),
    [
        ([0.0, 0.3], (0, 1)),
        ([0.0, 5.0], (0, 5)),
        ([-0.25, 0.1], (-0.25, 0.25)),
        ([math.nan, 0.1], (0, 1)),
        ([math.nan, math.inf], (0, 1)),
        ([], (0, 1)),
    ],
)
def test_shades_span_probabilities_or_are_symmetric(values, span):
    assert _span(torch.tensor(values)) == span


@pytest.mark.parametrize("steps", [0, 1, 2, 700])
def test_sequences_of_any_length_and_no_finite_value_can_be_drawn(steps):
    mask = torch.arange(steps) % 2 == 0
    drawn = pictures(
        Trace(torch.full((steps, 2), torch.nan), torch.rand(steps, 1), torch.rand(steps, 1), mask, {})
    )
    assert [picture.title for picture in drawn] == ["Inputs", "Target", "Outputs"]


def test_weightings_are_told_from_other_views():
    weights = torch.softmax(torch.rand(4, 8), 1)
    views = {"write weighting 1": weights, "rows": 2 * weights, "gate": torch.ones(4, 1)}
    drawn = pictures(Trace(torch.rand(4, 2), torch.rand(4, 2), torch.rand(4, 2), torch.ones(4) > 0, views))
    captions = {picture.title: picture.caption for picture in drawn}
    assert "sums to one" in captions["Write weighting 1"]
    assert "sums to one" not in captions["Rows"] + captions["Gate"]


def test_views_beyond_the_size_of_a_page_are_left_out_and_counted(run, monkeypatch):
    monkeypatch.setattr("recurra_lab.reports.heatmaps.MOST_CHARACTERS", 0)
    page = report(run)
    assert titles(page)[-1] == "Outputs"
    assert "2 more diagnostics of the state are not shown." in page.text

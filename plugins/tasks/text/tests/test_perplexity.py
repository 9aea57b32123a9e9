"""The perplexity as a score."""

import math

import pytest

from recurra import Score
from recurra_text.perplexity import Perplexity


def test_perplexity_is_of_the_mean_and_stays_perplexity_in_sums():
    total = Score(0, 0) + Perplexity(math.log(4) * 3, 3) + Perplexity(math.log(8), 1)
    assert total == (math.log(4) * 3 + math.log(8), 4)
    assert total.value == pytest.approx(2 ** (9 / 4))
    assert Perplexity(710, 1).value == math.inf
    assert math.isnan(Perplexity(0, 0).value)

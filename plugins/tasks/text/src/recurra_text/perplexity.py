"""The perplexity as a score."""

from __future__ import annotations

import math
import sys

from recurra import Score

MOST_NATS = math.log(sys.float_info.max)


class Perplexity(Score):
    """The perplexity: a sum of nats and the number of symbols."""

    @property
    def value(self) -> float:
        """The exponential of the mean; infinite on overflow."""
        mean = super().value
        return math.inf if mean > MOST_NATS else math.exp(mean)

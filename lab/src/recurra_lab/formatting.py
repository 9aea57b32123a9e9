"""Number formatting, shared by reports, tables and the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def number(value: float, digits: int = 3) -> str:
    """Return a value with `digits` significant digits: `12,345`, `0.0712`, `3.1e-05`."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    if value == 0 or abs(value) >= 10**digits - 0.5:
        return f"{value:,.0f}"
    return f"{value:,.{digits}g}" if abs(value) >= 1e-3 else f"{value:.{digits - 2}e}"


def duration(seconds: float) -> str:
    """Return a readable duration: `61 s`, `4 min 10 s`, `2 h 5 min`."""
    if seconds < 120:
        return f"{seconds:.3g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def finite(value: Any) -> Any:
    """Return plain data with None in place of NaN and infinities, which JSON does not have."""
    if isinstance(value, Mapping):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

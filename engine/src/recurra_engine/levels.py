"""The engine's levels by name."""

from __future__ import annotations

from typing import Literal, get_args

Level = Literal["scan", "native", "device"]
LEVELS: tuple[Level, ...] = get_args(Level)

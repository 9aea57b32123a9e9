"""How a cell's `step` becomes a whole sequence. Levels: `loop`, the definition."""

from recurra.engine.loop import run as run

LEVELS = ("loop",)

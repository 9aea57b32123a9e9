"""The level for CPUs: the loop's graph as generated C, compiled once and kept on disk."""

from recurra.engine.native.run import obstacle, run

__all__ = ["obstacle", "run"]

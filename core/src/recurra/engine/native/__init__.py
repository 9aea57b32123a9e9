"""The level for CPUs: the loop's graph as generated C, compiled once and kept on disk."""

from recurra.engine.native.call import BACKEND, obstacle

__all__ = ["BACKEND", "obstacle"]

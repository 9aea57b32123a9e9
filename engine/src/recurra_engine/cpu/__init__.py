"""The level for CPUs: the loop's graph as generated C, compiled once and kept on disk."""

from recurra_engine.cpu.call import BACKEND, unsupported_reason

__all__ = ["BACKEND", "unsupported_reason"]

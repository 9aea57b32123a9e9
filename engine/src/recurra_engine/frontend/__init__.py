"""From a Python `step` to a graph."""

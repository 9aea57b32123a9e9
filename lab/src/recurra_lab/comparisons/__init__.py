"""Comparison of runs over seeds: medians, spread, cost, and whether a difference is more than chance."""

"""Runs: train an experiment and write the model, its scores and a report to a folder."""

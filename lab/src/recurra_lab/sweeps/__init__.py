"""Hyperparameter sweeps over options and seeds.

space      the search space, and its syntax on the command line
study      the trials proposed by Optuna, each run with several seeds; can be interrupted and resumed
executors  where runs are executed: locally, or on a Ray cluster
results    the table and the figure of results
"""

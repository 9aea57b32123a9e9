"""Many runs over options and seeds: what is varied, who chooses, and what came of it.

space      which options are varied, and how they are written on the command line
study      trials that Optuna chooses, each of them runs over several seeds; it can be interrupted
executors  where runs are done: here, or on a Ray cluster
results    the table and the picture
"""

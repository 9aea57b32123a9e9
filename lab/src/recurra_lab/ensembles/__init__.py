"""Several runs of one experiment, which differ in their seed alone, trained together as one program.

Each keeps what a run has: its data, weights, state of the optimizer, stopping criterion, scores and folder.
"""

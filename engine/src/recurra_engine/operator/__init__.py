"""A sequence inside `torch.compile`: one operator in the graph, whatever the number of steps.

`capture` is what torch.compile traces instead of the loop. It asks `description` what the cell is like, reads
the cell's tensors, and calls the operator (`sequence`). When the graph runs, the operator runs the call as it
would run without torch.compile (`call`), for a copy of the cell that holds the tensors of the graph
(`stand_in`), and keeps what its gradient needs (`records`).
"""

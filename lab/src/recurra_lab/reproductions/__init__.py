"""Published results, run again: shipped experiments with what their papers report.

published   what an experiment file says of its paper: the table `[reproduce]`
shipped     the files that installed plugins offer, by name
seeds       one run for each seed, begun, continued or found finished
ledger      our numbers beside the published ones
"""

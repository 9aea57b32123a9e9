"""Published results, run again: shipped experiments with what their papers report.

reference   what an experiment file says of its paper: the table `[reproduce]`
catalogue   the files that installed plugins offer, by name
ledger      our numbers beside the published ones
"""

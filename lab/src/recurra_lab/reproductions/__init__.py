"""Reproductions: experiments shipped with plugins, and the results that their papers report.

reference   the published results in an experiment file: the table `[reproduce]`
catalogue   the experiment files of installed plugins, by name
ledger      our results next to the published ones
"""

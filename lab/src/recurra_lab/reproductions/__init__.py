"""Reproductions: experiments shipped with plugins, judged by the claims of their papers.

reference   the claim in an experiment file: the table `[reproduce]`
catalogue   the experiment files of installed plugins, by name
record      what every seed measured, without any judgement
laws        statistics: how far chance reaches
verdict     the claim as a test over all seeds
check       whether one seed, run again, agrees with its record
page        a record as a page; curves draws it, table puts all of them side by side
archive     a folder of records and their pages
rerun       run experiments, record them, check them
"""

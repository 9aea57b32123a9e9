"""The contract kit: what every cell, memory, task and trainer must do, as functions `check_*(make)`.

The public names are listed in `__init__.pyi` and imported on first use, since pytest imports this package in
every test run.
"""

from recurra._facade import attach

__getattr__, __dir__ = attach(__name__, __file__)

"""recurra_lab: experiments, training with Lightning, runs, reports, sweeps, reproductions and the CLI.

The public names are listed in `__init__.pyi` and imported on first use.
"""

from recurra._facade import attach

__getattr__, __dir__ = attach(__name__, __file__)

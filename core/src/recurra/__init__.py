"""recurra: recurrent and memory-augmented networks in PyTorch. Write one time step; the rest is done for you.

    run = recurra.train("copy", "ntm", seed=3)  # train a cell on a task: a run, which is a folder of files
    trained = recurra.load(run)  # the trained network with its task, an nn.Module

To write a cell, derive from `Cell`; a memory, from `Memory`; a task, from `GeneratedTask` or `Corpus`; a
learning rule, from `Trainer`. `Experiment` composes and saves all options of a run. Errors: `RecurraError`.
"""

from recurra._facade import attach
from recurra._version import __version__ as __version__

__getattr__, __dir__ = attach(__name__, __file__)

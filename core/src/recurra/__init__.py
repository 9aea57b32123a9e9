"""recurra: recurrent and memory-augmented networks. Write a cell's step; the rest is done for you.

The public names are listed in `__init__.pyi` and imported on first use, so that
`from recurra import hookimpl` in a plugin's entry point does not import torch.
"""

from recurra._facade import attach
from recurra._version import __version__ as __version__

__getattr__, __dir__, __all__ = attach(__name__, __file__)

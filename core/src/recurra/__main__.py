"""`python -m recurra`: the command line, if a package that provides it is installed."""

import sys
from importlib.metadata import entry_points

shells = entry_points(group="console_scripts", name="recurra")
if not shells:
    sys.exit("error: the command line is not installed; install it with: pip install recurra-lab")
next(iter(shells)).load()(prog_name="recurra")

"""`python -m recurra`: the shell, where no script could be installed."""

from recurra.cli import main

main(prog_name="recurra")

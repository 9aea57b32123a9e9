"""`python -m recurra_lab`: the shell."""

from recurra_lab.cli import main

main(prog_name="recurra")

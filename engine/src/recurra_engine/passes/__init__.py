"""Compiler passes from a step's graph to programs over a sequence: partition, gradient, rematerialisation."""

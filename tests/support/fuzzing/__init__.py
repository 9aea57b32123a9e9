"""Random cells as source text, and their comparison at every level of the engine with the loop.

writer       draws values, weights and modules, and writes statements that work
templates    what a statement may say, by construct; `rows`, `parts` where a template is not enough
cells        cell number N of seed S: its text, and the cell that the text makes
calls        how a cell is called: sizes, lengths, resets, dtype, state, NaN and infinities
rounding     how much of a difference rounding explains
trials       one cell at every level; what differs
minimise     the shortest cell that still differs
"""

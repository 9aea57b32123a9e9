"""The checks of cells, by theme."""

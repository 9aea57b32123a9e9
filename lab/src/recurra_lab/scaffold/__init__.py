"""Templates of new plugins."""

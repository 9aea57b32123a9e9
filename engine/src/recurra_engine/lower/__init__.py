"""Where the values of a loop lie, and the order of its work: what both code generators share."""

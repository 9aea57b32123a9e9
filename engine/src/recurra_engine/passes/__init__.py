"""From the graph of a step to programs over a sequence: partition, gradient, rematerialisation."""

"""The graph of a step: its nodes, its interpreter, its printer and the rewriting of graphs."""

"""How plugins are found and loaded: what is installed, which hooks it implements, and components by name."""

"""A new plugin to start from."""

"""A recurra plugin."""

"""A live page of runs, served on the loopback address alone and refreshed from their files."""

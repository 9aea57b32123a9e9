"""The files of a run: their paths, and how they are written atomically."""

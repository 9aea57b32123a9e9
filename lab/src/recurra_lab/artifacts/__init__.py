"""The files of a run: where each lies, and how each is written whole or not at all."""

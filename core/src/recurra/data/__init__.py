"""What tasks with real data share: corpora, ragged rows and files."""

"""What tasks of real data share: corpora, ragged rows and files."""

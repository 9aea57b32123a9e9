"""A run: from an experiment to a folder with a trained model, its scores and a report."""

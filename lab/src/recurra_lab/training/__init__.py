"""Training with Lightning: the model, the modules of learning rules, batches and evaluation."""

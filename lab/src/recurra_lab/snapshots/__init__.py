"""Snapshots: a task's batches in Parquet files, and the task that reads them back."""

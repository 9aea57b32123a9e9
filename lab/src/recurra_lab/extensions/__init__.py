"""What is chosen by name and is no component: optimizers, schedules, loggers, sections of the report."""

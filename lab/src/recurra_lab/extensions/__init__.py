"""Extensions, selected by name like components: optimizers, schedules, loggers, report sections."""

"""A task with a quadratic loss, whose gradient is easily worked out."""

from recurra import GeneratedTask, Goal, Score


class Regression(GeneratedTask):
    """The squared error of y at scored steps, halved and summed over outputs; batches are given."""

    stream = "Regression"
    goal = Goal("error", below=0.0)

    def __init__(self, batch):
        super().__init__(batch.x.shape[-1], batch.target.shape[-1])
        self.given = batch

    def sample(self, batch_size, rng):
        return self.given

    def loss(self, y, batch):
        return (y - batch.target)[batch.mask].square().sum() / (2 * batch.mask.sum())

    def scores(self, y, batch):
        return {"error": Score(float(self.loss(y, batch)), 1)}

"""The base of tasks that spoil batches of the toy."""

from recurra_contract import ToyTask


class Altered(ToyTask):
    """Changes every batch after it was drawn."""

    def sample(self, batch_size, rng):
        return self.alter(super().sample(batch_size, rng))

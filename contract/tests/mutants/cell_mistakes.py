"""Cells that do not refuse wrong arguments, or do not say what is wrong."""

from recurra import InvalidInput
from recurra_contract import ToyCell


class Broadcasting(ToyCell):
    def forward(self, x, state=None, **how):
        narrow = x.dim() == 3 and x.shape[-1] == 1
        return super().forward(x.expand(-1, -1, self.input_size) if narrow else x, state, **how)


class Mumbling(ToyCell):
    """Refuses without saying what."""

    def forward(self, x, state=None, **how):
        try:
            return super().forward(x, state, **how)
        except InvalidInput:
            raise InvalidInput("invalid argument") from None


class Unchecked(ToyCell):
    """Checks nothing of what it is given."""

    def forward(self, x, state=None, **how):
        state = self.initial_state(x.shape[0]) if state is None else state
        return self.unroll(x, state, **how)


MUTANTS = [
    ("check_wrong_input_is_refused", Unchecked),
    ("check_wrong_input_is_refused", Broadcasting),
    ("check_wrong_input_is_refused", Mumbling),
    ("check_wrong_lengths_are_refused", Unchecked),
    ("check_wrong_lengths_are_refused", Mumbling),
    ("check_wrong_state_is_refused", Unchecked),
    ("check_wrong_state_is_refused", Mumbling),
]

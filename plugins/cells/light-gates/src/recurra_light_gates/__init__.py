"""Cells with fewer gates than a GRU or with cheaper ones, and the multiplicative LSTM, as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cells."""
    return [
        _cell("mgu", "mgu:MGU", "minimal gated unit: one gate forgets and resets", "Zhou et al. 2016"),
        _cell("janet", "janet:JANET", "LSTM with the forget gate alone", "van der Westhuizen and Lasenby 2018"),
        _cell("fast-grnn", "fast_grnn:FastGRNN", "gate and candidate share weights", "Kusupati et al. 2018"),
        _cell("minimal-rnn", "minimal_rnn:MinimalRNN", "one gate, no recurrent candidate", "Chen 2017"),
        _cell("li-gru", "li_gru:LiGRU", "GRU without reset gate, with ReLU", "Ravanelli et al. 2018"),
        _cell("antisymmetric", "antisymmetric:AntisymmetricRNN", "Euler steps of a stable ODE", "Chang et al. 2019"),
        _cell("multiplicative-lstm", "multiplicative:MultiplicativeLSTM", "LSTM with input-dependent recurrence",
              "Krause et al. 2016"),
    ]  # fmt: skip


def _cell(name: str, target: str, summary: str, paper: str) -> Component:
    return Component("cell", name, f"recurra_light_gates.{target}", summary, paper)

"""Cells with fewer or cheaper gates than a GRU, and the multiplicative LSTM, as a recurra plugin."""

from collections.abc import Iterable

from recurra import Component, hookimpl

CELLS = [
    ("mgu", "mgu:MGU", "minimal gated unit: one gate forgets and resets", "Zhou et al. 2016"),
    ("janet", "janet:JANET", "LSTM with the forget gate alone", "van der Westhuizen and Lasenby 2018"),
    ("fast-grnn", "fast_grnn:FastGRNN", "gate and candidate share their weights", "Kusupati et al. 2018"),
    ("minimal-rnn", "minimal_rnn:MinimalRNN", "one gate mixes the embedded input into h", "Chen 2017"),
    ("li-gru", "li_gru:LiGRU", "GRU without reset gate, with ReLU candidates", "Ravanelli et al. 2018"),
    ("antisymmetric", "antisymmetric:AntisymmetricRNN", "Euler steps of a stable ODE", "Chang et al. 2019"),
    (
        "multiplicative-lstm",
        "multiplicative:MultiplicativeLSTM",
        "x selects the weights",
        "Krause et al. 2016",
    ),
]


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the cells."""
    return [
        Component("cell", name, f"recurra_light_gates.{target}", summary, paper)
        for name, target, summary, paper in CELLS
    ]

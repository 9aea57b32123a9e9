"""The dynamics of cells whose fixed points, spectra and exponents are known."""

import json
import math

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from recurra import Batch, Cell, GeneratedTask, Goal, IncompatibleParts, Network, NoState, Tags
from recurra_lab import train
from recurra_lab.cli import main
from recurra_lab.dynamics.analysis import Settings, analysed
from recurra_lab.dynamics.fixed_points import fixed_points
from recurra_lab.dynamics.gradients import gradient_norms
from recurra_lab.dynamics.lyapunov import lyapunov_exponents
from recurra_lab.dynamics.page import as_lines, write_page
from recurra_lab.dynamics.step_map import StepMap

R, ANGLE = 0.9, 0.3
ROTATION = [[R * math.cos(ANGLE), -R * math.sin(ANGLE)], [R * math.sin(ANGLE), R * math.cos(ANGLE)]]


class Linear(Cell[torch.Tensor]):
    """h' = A h + b + [x, 0, ...]; with `cubic`, h' = h + (h - h³) / 4 in every unit."""

    def __init__(self, A, b, cubic=False):
        super().__init__(1, len(b))
        self.A = nn.Parameter(torch.tensor(A, dtype=torch.float64))
        self.b = nn.Parameter(torch.tensor(b, dtype=torch.float64))
        self.cubic = cubic

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size)

    def step(self, x, h):
        driven = torch.cat([x, torch.zeros_like(h[:, 1:])], 1)
        h = h + (h - h**3) / 4 + driven if self.cubic else h @ self.A.T + self.b + driven
        return h, h


class Plain(Network):
    """A cell and a readout that changes nothing."""

    tags = Tags()

    def __init__(self, cell):
        super().__init__()
        self.sequencer, self.embedding, self.readout = cell, None, nn.Identity()

    def forward(self, x, state=None, *, lengths=None):
        return self.sequencer(x, state, lengths=lengths)


class Silence(GeneratedTask):
    """Random inputs; the first unit is to be 0 at the last step."""

    stream = "Silence"
    goal = Goal("error", below=0.1)

    def __init__(self, steps=12, outputs=2):
        super().__init__(1, outputs)
        self.steps = steps

    def sample(self, batch_size, rng):
        x = torch.randn(batch_size, self.steps, 1, generator=rng)
        mask = torch.zeros(batch_size, self.steps, dtype=torch.bool)
        mask[:, -1] = True
        return Batch(x, x, mask, torch.full((batch_size,), self.steps))

    def loss(self, y, batch):
        return y[..., 0][batch.mask].square().mean()

    def scores(self, y, batch):
        return {}


def step_of(*options, **more):
    return StepMap(Plain(Linear(*options, **more)))


def batch(steps=12, rows=8):
    return Silence(steps).batch(0, batch_size=rows, seed=0, split="test")


def test_a_linear_cell_has_the_fixed_point_and_the_spectrum_of_its_matrix():
    # h = A h + b: (I - A) h = b.
    step = step_of(ROTATION, [1.0, 0.0])
    states, _ = step.visited(batch())
    (point,) = fixed_points(step, states, torch.zeros(1, dtype=torch.float64), 300)
    a, c = 1 - ROTATION[0][0], ROTATION[1][0]
    assert point.state.tolist() == pytest.approx([a / (a * a + c * c), c / (a * a + c * c)])
    assert point.kind == "stable"
    assert point.found_from == len(states)
    assert point.speed < 1e-12
    assert point.eigenvalues.abs().tolist() == pytest.approx([R, R])
    assert sorted(point.eigenvalues.angle().tolist()) == pytest.approx([-ANGLE, ANGLE])


def test_the_input_moves_the_fixed_point():
    step = step_of([[0.5]], [0.0])
    (point,) = fixed_points(step, torch.randn(5, 1).double(), torch.tensor([3.0]).double(), 300)
    assert point.state.tolist() == pytest.approx([6.0])  # h = h / 2 + 3
    assert point.output.tolist() == pytest.approx([6.0])


def test_a_unit_with_two_attractors_has_three_fixed_points():
    # h' = h + (h - h³) / 4 rests at -1, 0 and 1, with the slopes 1 + (1 - 3 h²) / 4: 1/2, 5/4 and 1/2.
    step = step_of([[1.0]], [0.0], cubic=True)
    starts = torch.tensor([[-1.2], [-0.7], [0.0], [0.6], [1.3]]).double()
    points = fixed_points(step, starts, torch.zeros(1).double(), 500)
    found = {round(point.state.item()): (point.kind, point.eigenvalues[0].real.item()) for point in points}
    assert found == {
        -1: ("stable", pytest.approx(0.5)),
        0: ("unstable", pytest.approx(1.25)),
        1: ("stable", pytest.approx(0.5)),
    }


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (ROTATION, [math.log(R)] * 2),
        ([[0.5, 1.0], [0.0, 2.0]], [math.log(2), -math.log(2)]),
        ([[0.5, 0.0], [0.0, 0.0]], [-math.log(2), math.log(torch.finfo(torch.float64).tiny)]),
    ],
)
def test_the_lyapunov_exponents_of_a_linear_cell(matrix, expected):
    drawn = batch()
    found = lyapunov_exponents(step_of(matrix, [0.0, 0.0]), drawn.x.double(), drawn.lengths, 2, 50)
    assert found.tolist() == pytest.approx(expected)
    assert lyapunov_exponents(step_of(matrix, [0.0, 0.0]), drawn.x.double(), drawn.lengths, 9, 3).shape == (
        2,
    )


def test_the_gradient_of_a_linear_cell_shrinks_by_its_factor_at_every_lag():
    step, drawn = step_of([[0.5, 0.0], [0.0, 1.0]], [0.0, 0.0]), batch(steps=6, rows=1)
    norms = gradient_norms(step, Silence(6), drawn, lags=100)
    last = sum(0.5**lag * x for lag, x in enumerate(reversed(drawn.x[0, :, 0].tolist())))
    assert norms == pytest.approx([2 * abs(last) * 0.5**lag for lag in range(1, 6)])
    assert len(gradient_norms(step, Silence(6), drawn, lags=2)) == 2
    assert gradient_norms(step, Silence(1), batch(steps=1), lags=5) == []


def test_everything_together_as_numbers():
    found = analysed(Plain(Linear(ROTATION, [0.0, 0.0])), Silence(), 0, Settings(updates=200, sequences=4))
    described = json.loads(json.dumps(found.as_dict()))
    assert described["state_size"] == 2
    (point,) = described["fixed_points"]
    assert point["time_constants"] == pytest.approx([-1 / math.log(R)] * 2)
    assert described["lyapunov_exponents"] == pytest.approx([math.log(R)] * 2)
    assert len(described["gradient_norm_by_lag"]) == 11


def test_the_page_and_the_lines_say_what_was_found(tmp_path):
    found = analysed(Plain(Linear(ROTATION, [0.0, 0.0])), Silence(), 0, Settings(updates=200, sequences=4))
    lines = as_lines(found, lambda rows: "\n".join(map(str, rows))).splitlines()
    assert lines[0] == "The state has 2 numbers."
    assert lines[1] == "Fixed and slow points at zero input, from 48 visited states: 1 stable."
    assert lines[2] == "Largest Lyapunov exponent: -0.105 nats per step (nearby states come together)."
    assert lines[3].startswith("Gradient norm at lag 11: ")
    write_page(found, "<title>", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "&lt;title&gt;" in page
    assert page.count('<img src="data:image/svg+xml;base64,') == 3
    assert "http" not in page.replace("http-equiv", "")


class Forgetful(Linear):
    """A cell without a state."""

    def initial_state(self, batch_size):
        return NoState()


def test_a_network_that_cannot_be_followed_is_refused():
    with pytest.raises(IncompatibleParts, match="has no real numbers alone, so it has no Jacobian"):
        StepMap(Plain(Forgetful([[1.0]], [0.0])))
    truncated = Plain(Linear([[1.0]], [0.0]))
    truncated.tags = Tags(exact_gradient=False)
    with pytest.raises(IncompatibleParts, match="the gradient of this cell is not exact"):
        StepMap(truncated)
    truncated.tags = Tags(input_kind="trees")
    with pytest.raises(IncompatibleParts, match="reads trees or graphs has no state that steps change"):
        StepMap(truncated)
    with pytest.raises(IncompatibleParts, match="has 5,000 numbers; at most 4,096"):
        StepMap(Plain(Linear([[0.0]], [0.0] * 5000)))


@pytest.mark.slow
def test_a_flip_flop_has_a_stable_point_for_each_memory(tmp_path):
    """Three bits that are kept: the trained network rests in each of the eight combinations of ±1."""
    run = train("flip-flop", "gru", seed=1, cell={"hidden_size": 48}, run={"max_steps": 3000}, out=tmp_path)
    how = ["--starts", "256", "--json", "--updates", "3000"]
    done = CliRunner().invoke(main, ["analyse", str(run.path), *how])
    points = [p for p in json.loads(done.stdout)["fixed_points"] if p["kind"] == "stable"]
    kept = {tuple(round(value) for value in point["output"]) for point in points}
    assert kept == {(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)}
    assert (run.path / "analysis.html").is_file()

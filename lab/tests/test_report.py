"""The report of a run: what a trace records, what is drawn and what the page says."""

import base64
import math
import xml.dom.minidom
from html.parser import HTMLParser
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from recurra.cell import Cell
from recurra.config.options import Ref
from recurra.errors import MissingFile
from recurra.task import Batch, Goal, Score, Task
from recurra_lab.artifacts.atomic_files import write_json
from recurra_lab.artifacts.run_folder import RunFolder
from recurra_lab.reports import write_report
from recurra_lab.reports.curves import generalisation, learning_curve, points, running_mean
from recurra_lab.reports.heatmaps import _shrunk, _span, pictures
from recurra_lab.reports.rollout import Trace, example, trace
from recurra_lab.reports.text import duration, goal_in_words, number, outcome_in_words
from recurra_lab.training.model import Model

HOSTILE = '<script src="https://example.org/x.js"></script>'


class CounterState(NamedTuple):
    h: torch.Tensor
    n: torch.Tensor


class Counter(Cell[CounterState]):
    """An Elman cell that also counts its steps, so that the order of views can be seen."""

    def __init__(self, input_size, *, hidden_size: int = 3):
        super().__init__(input_size, hidden_size)
        self.layer = nn.Linear(input_size + hidden_size, hidden_size)
        self.dropout = nn.Dropout(0.5)

    def initial_state(self, batch_size):
        return CounterState(self.zeros(batch_size, self.output_size), self.zeros(batch_size, 1))

    def step(self, x, state):
        h = torch.tanh(self.layer(torch.cat([x, state.h], -1)))
        return self.dropout(h), CounterState(h, state.n + 1)

    def views(self, state):
        return {"steps": state.n, "hidden <units>": state.h}


class Local(Ref):
    """A reference to a class at hand, which needs no plugin."""

    def __init__(self, made):
        super().__init__("cell", made.__name__)
        self.made = made

    def build(self, *wiring):
        return self.made(*wiring)


class Echo(Task):
    """Repeat the input; lengths differ and padding holds NaN."""

    goal = Goal("squared_error", below=0.1)

    def __init__(self):
        super().__init__(2, 2)

    def sample(self, batch_size, rng):
        lengths = torch.randint(3, 9, (batch_size,), generator=rng)
        x = torch.rand(batch_size, 9, 2, generator=rng)
        live = torch.arange(9) < lengths[:, None]
        return Batch(torch.where(live[..., None], x, torch.nan), x, live & (torch.arange(9) > 1), lengths)

    def loss(self, y, batch):
        return (y - batch.target)[batch.mask].square().mean()

    def scores(self, y, batch):
        return {"squared_error": Score(float(self.loss(y, batch)), 1)}

    def predict(self, y):
        return torch.sigmoid(y)


class Classes(Echo):
    """Name each token."""

    gives = "tokens"

    def __init__(self):
        Task.__init__(self, 5, 5)

    def sample(self, batch_size, rng):
        x = torch.randint(5, (batch_size, 6), generator=rng)
        target = x.clone()
        target[:, 0] = -100
        return Batch(x, target, target >= 0, torch.full((batch_size,), 6))

    def predict(self, y):
        return torch.softmax(y, -1)


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def make(task, **options):
    torch.manual_seed(0)
    return Model(task, Local(Counter), **options)


@pytest.fixture
def run(tmp_path):
    """A finished run with made-up numbers."""
    folder = RunFolder(tmp_path / "runs" / "echo" / "counter-none" / "20250101")
    folder.path.mkdir(parents=True)
    folder.experiment.write_text(
        f'seed = 7\nnote = {HOSTILE!r}\n[task]\nname = "echo"\n[cell]\nname = "counter"\n'
    )
    rows = [f"{k},train/squared_error,{2.0 / k}\n" for k in range(1, 101)]
    rows += [f"{k},validation/squared_error,{2.1 / k}\n" for k in range(25, 101, 25)]
    folder.metrics.write_text("step,metric,value\n" + "".join(rows))
    variants = {"length-10": 0.05, "length-20": 0.25, "length-100": 1234.5}
    write_json(folder.scores, {v: {"squared_error": e, "wrong": 0.0} for v, e in variants.items()})
    write_json(folder.versions, {"torch": "2.13", "plugins": {"recurra-x": "0.1.0"}})
    write_json(folder.outcome, {"status": "solved", "steps": 1100, "sequences": 17600, "train_seconds": 61.2})
    return folder


def report(folder, task=None, model=None, **more):
    task = task or Echo()
    return Page(write_report(folder, model or make(task), task, 7, **more).read_text("utf-8"))


def titles(page):
    return [image["alt"].split(":")[0] for image in page.all("img")]


@pytest.mark.parametrize(
    "options", [{}, {"layers": 2}, {"bidirectional": True}, {"layers": 2, "bidirectional": True}]
)
@pytest.mark.parametrize("task", [Echo(), Classes()])
def test_traced_outputs_are_those_of_the_model(task, options):
    model, batch = make(task, **options).eval(), example(task, 0)
    seen = trace(model, task, batch)
    with torch.no_grad():
        y, _ = model(batch.x, lengths=batch.lengths)
    length = int(batch.lengths[0])
    torch.testing.assert_close(seen.outputs, task.predict(y)[0, :length])
    assert seen.outputs.shape == seen.target.shape == (length, task.output_size)
    assert seen.inputs.shape == (length, task.input_size)
    assert seen.mask.tolist() == batch.mask[0, :length].tolist()


def test_views_are_stacked_in_the_order_of_time():
    seen = trace(make(Echo()), Echo(), example(Echo(), 0))
    assert list(seen.views) == ["steps", "hidden <units>"]
    assert seen.views["steps"][:, 0].tolist() == list(range(1, len(seen.mask) + 1))
    assert seen.views["hidden <units>"].shape == (len(seen.mask), 3)


def test_every_layer_of_a_stack_is_seen():
    seen = trace(make(Echo(), layers=2), Echo(), example(Echo(), 0))
    assert list(seen.views)[::2] == ["layer 1: steps", "layer 2: steps"]


def test_a_sequencer_that_cannot_be_stepped_shows_its_outputs_alone():
    assert trace(make(Echo(), bidirectional=True), Echo(), example(Echo(), 0)).views == {}


def test_tokens_and_classes_become_one_hot_and_ignored_classes_nothing():
    task, batch = Classes(), example(Classes(), 3)
    seen = trace(make(task), task, batch)
    assert seen.inputs.argmax(1).tolist() == batch.x[0].tolist()
    assert seen.inputs.sum(1).tolist() == [1] * 6
    assert seen.target.sum(1).tolist() == [0, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("training", [True, False])
def test_tracing_leaves_mode_gradients_and_random_numbers_alone(training):
    model = make(Echo()).train(training)
    before = torch.get_rng_state()
    seen = trace(model, Echo(), example(Echo(), 0))
    assert model.training is training
    assert model.sequencer.dropout.training is training
    assert torch.equal(torch.get_rng_state(), before)
    assert not seen.outputs.requires_grad
    again = trace(model, Echo(), example(Echo(), 0))
    assert torch.equal(seen.outputs, again.outputs)


def test_the_example_is_the_longest_of_the_first_but_not_endless():
    lengths = [3, 150, 200, 201, 5000, 10, 10, 10]

    class Given(Echo):
        def batch(self, k, *, batch_size, seed, split):
            assert (batch_size, split) == (1, "test")
            n = lengths[k]
            return Batch(torch.zeros(1, n, 2), torch.zeros(1, n, 2), torch.ones(1, n) > 0, torch.tensor([n]))

    assert example(Given(), 0).lengths.tolist() == [200]
    lengths[:] = [900, 700, 800, 700, 900, 900, 900, 900]
    assert example(Given(), 0).lengths.tolist() == [700]


def test_large_pictures_shrink_without_losing_a_spike_of_either_sign():
    image = torch.zeros(1000, 3000)
    image[123, 456], image[900, 2000] = 1.0, -2.0
    small = _shrunk(image, 256, 600)
    assert small.shape == (256, 600)
    assert (float(small.max()), float(small.min())) == (1.0, -2.0)
    assert torch.equal(_shrunk(image[:5, :5], 256, 600), image[:5, :5])


@pytest.mark.parametrize(
    ("values", "span"),
    [
        ([0.0, 0.3], (0, 1)),
        ([0.0, 5.0], (0, 5)),
        ([-0.25, 0.1], (-0.25, 0.25)),
        ([math.nan, 0.1], (0, 1)),
        ([math.nan, math.inf], (0, 1)),
        ([], (0, 1)),
    ],
)
def test_shades_span_probabilities_or_are_symmetric(values, span):
    assert _span(torch.tensor(values)) == span


@pytest.mark.parametrize("steps", [0, 1, 2, 700])
def test_sequences_of_any_length_and_no_finite_value_can_be_drawn(steps):
    mask = torch.arange(steps) % 2 == 0
    drawn = pictures(
        Trace(torch.full((steps, 2), torch.nan), torch.rand(steps, 1), torch.rand(steps, 1), mask, {})
    )
    assert [picture.title for picture in drawn] == ["Inputs", "Target", "Outputs"]


def test_weightings_are_told_from_other_views():
    weights = torch.softmax(torch.rand(4, 8), 1)
    views = {"write weighting 1": weights, "rows": 2 * weights, "gate": torch.ones(4, 1)}
    drawn = pictures(Trace(torch.rand(4, 2), torch.rand(4, 2), torch.rand(4, 2), torch.ones(4) > 0, views))
    captions = {picture.title: picture.caption for picture in drawn}
    assert "sums to one" in captions["Write weighting 1"]
    assert "sums to one" not in captions["Rows"] + captions["Gate"]


def test_views_beyond_the_size_of_a_page_are_left_out_and_counted(run, monkeypatch):
    monkeypatch.setattr("recurra_lab.reports.heatmaps.MOST_CHARACTERS", 0)
    page = report(run)
    assert titles(page)[-1] == "Outputs"
    assert "2 more views of the state are not shown." in page.text


def test_running_mean_looks_back_only():
    values = np.array([4.0, 2.0, 0.0, 4.0, 5.0])
    assert running_mean(values, 3).tolist() == [4, 3, 2, 2, 3]
    assert running_mean(values, 1).tolist() == values.tolist()


def test_points_are_those_of_one_metric_that_are_finite():
    rows = [(1, "a", 1.0), (2, "b", 2.0), (3, "a", math.nan), (4, "a", 4.0), (5, "a", math.inf)]
    steps, values = points(rows, "a")
    assert (steps.tolist(), values.tolist()) == ([1, 4], [1.0, 4.0])


@pytest.mark.parametrize("goal", [Goal("s", below=0.1), Goal("s", above=0.9), Goal("s")])
@pytest.mark.parametrize("value", [0.0, -1.0, 1e-30, 1e30])
def test_any_finite_values_and_goals_make_a_curve(goal, value):
    curve = learning_curve([(1, "train/s", value), (2, "validation/s", value)], goal)
    svg = base64.b64decode(curve.uri.removeprefix("data:image/svg+xml;base64,"))
    assert xml.dom.minidom.parseString(svg).documentElement.tagName == "svg"


def test_a_curve_of_many_updates_stays_small():
    rows = [(k, "train/s", 1 + k % 7) for k in range(100_000)]
    assert len(learning_curve(rows, Goal("s", below=0.1)).uri) < 200_000


def test_sizes_of_a_suite_are_drawn_in_their_order():
    scores = {f"length-{n}": {"s": float(n)} for n in (100, 20, 3)} | {
        "hard": {"s": 9.0},
        "depth-1": {"s": 1.0},
    }
    assert generalisation(scores, Goal("s")).alt == "s by length: 3 at 3, 20 at 20, 100 at 100."


@pytest.mark.parametrize(
    "scores",
    [
        {},
        {"test": {"s": 1.0}},
        {"length-10": {"s": 1.0}},
        {"length-1": {"t": 1.0}, "length-2": {"s": math.nan}},
    ],
)
def test_a_suite_without_sizes_is_not_drawn(scores):
    assert generalisation(scores, Goal("s")) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.07123, "0.0712"),
        (12345.6, "12,346"),
        (999.4, "999"),
        (3.14e-5, "3.1e-05"),
        (-0.5, "-0.5"),
        (math.nan, "not a number"),
        (math.inf, "infinite"),
    ],
)
def test_numbers_in_words(value, text):
    assert number(value) == text


def test_durations_in_words():
    assert [duration(s) for s in (4.321, 61.2, 250, 7500)] == ["4.32 s", "61 s", "4 min 10 s", "2 h 5 min"]


def test_outcomes_in_words():
    goal = Goal("bits_per_sequence", below=0.1)
    full = {"status": "solved", "steps": 1100, "sequences": 17600, "train_seconds": 61.2}
    cost = "(17,600 sequences, 61 s of training)"
    told = f"Solved after 1,100 updates {cost}; the goal is bits per sequence below 0.1."
    assert outcome_in_words(full, goal) == told
    assert outcome_in_words({"status": "solved", "steps": 1}, goal).startswith("Solved after 1 update; ")
    assert outcome_in_words({"status": "budget used", "steps": 2}, goal).startswith(
        "Not solved when the budget"
    )
    assert outcome_in_words({"status": "on fire"}, goal).startswith("Ended (on fire);")
    assert outcome_in_words({}, goal).startswith("This run has no outcome yet")
    assert goal_in_words(Goal("accuracy", above=0.9)) == "accuracy above 0.9"


def test_the_page_holds_everything_and_needs_nothing_else(run):
    page = report(run)
    assert titles(page) == [
        "Learning curve",
        "squared error by length",
        "Inputs",
        "Target",
        "Outputs",
        "Steps",
        "Hidden <units>",
    ]
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert not [a for _, a in page.tags if "href" in a or "srcset" in a]
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert "echo · counter" in page.text
    assert "Solved after 1,100 updates (17,600 sequences, 61 s of training)" in page.text
    assert "plugins recurra-x" in page.text
    assert f"recurra resume {run.path}" in page.text
    assert run.report.stat().st_size < 1_500_000


def test_the_table_says_which_variants_meet_the_goal(run):
    text = " ".join(report(run).text.split())
    assert "variant squared error wrong".replace(" ", "") in text.replace(" ", "")
    assert "length-100.05 ✓0" in text
    assert "length-200.250" in text
    assert "length-1001,2340" in text


def test_the_goal_of_the_run_wins_over_that_of_the_task(run):
    page = report(run, goal=Goal("squared_error", below=0.3))
    assert "0.25 ✓" in page.text
    assert "squared error below 0.3" in page.text


def test_options_cannot_smuggle_markup_into_the_page(run):
    write_json(run.versions, {HOSTILE: HOSTILE})
    write_json(run.scores, {HOSTILE: {HOSTILE: 1.0}})
    write_json(run.outcome, {"status": HOSTILE})
    page = report(run)
    assert not page.all("script")
    assert page.text.count(HOSTILE) == 6


def test_the_same_run_gives_the_same_bytes(run):
    report(run)
    first = run.report.read_bytes()
    report(run)
    assert run.report.read_bytes() == first
    assert [path.name for path in run.path.glob(".*")] == []


def test_a_run_that_has_only_begun_says_what_is_missing(tmp_path):
    page = report(RunFolder(tmp_path))
    for sentence in (
        "This run has no outcome yet: it is still going on, or it was interrupted.",
        "No values of squared error have been logged yet.",
        "The suite has not been evaluated yet.",
        "The run has no experiment.toml.",
        "The versions have not been written.",
    ):
        assert sentence in page.text
    assert titles(page)[0] == "Inputs"
    assert "Echo · Counter" in page.text


def test_a_last_row_that_was_cut_short_is_left_out(run):
    whole = report(run)
    with run.metrics.open("a") as file:
        file.write("101,train/squared_error,0.0")
    assert report(run).all("img") == whole.all("img")


def test_values_that_are_not_finite_are_counted_not_drawn(run):
    whole = report(run)
    with run.metrics.open("a") as file:
        file.write("101,train/squared_error,nan\n102,validation/squared_error,inf\n")
    page = report(run)
    assert page.all("img") == whole.all("img")
    assert "2 logged values are not finite and not drawn." in page.text


def test_scores_that_are_not_a_number_are_said_so(run):
    write_json(
        run.scores,
        {"length-1": {"squared_error": math.nan}, "length-2": {"squared_error": math.inf, "more": 1.0}},
    )
    text = report(run).text
    assert "length-1not a number–" in text
    assert "length-2infinite1" in text


@pytest.mark.parametrize("name", ["metrics", "scores", "outcome", "versions", "experiment"])
def test_a_damaged_file_is_named_and_the_rest_is_shown(run, name):
    path = getattr(run, name)
    path.write_text("{not,\nreadable\n")
    page = report(run)
    assert f"{path.name} is damaged" in page.text
    assert "Outputs" in titles(page)


def test_a_model_that_went_bad_is_still_shown(run):
    model = make(Echo())
    nn.init.constant_(model.readout.weight, math.nan)
    assert "Outputs" in titles(report(run, model=model))


@pytest.fixture
def command(monkeypatch):
    """Return `recurra report` as a function, for runs whose experiment is not read."""
    from click.testing import CliRunner

    from recurra_lab.cli.report import report
    from recurra_lab.runs import build as setup
    from recurra_lab.runs import restore

    class Experiment:
        seed = 7

    monkeypatch.setattr(restore, "restore", lambda folder: (Experiment(), Echo(), make(Echo())))
    monkeypatch.setattr(setup, "goal_of", lambda experiment, task: task.goal)
    return lambda *arguments: CliRunner().invoke(report, [str(argument) for argument in arguments])


def test_the_command_rewrites_the_report_and_prints_where_it_is(run, command):
    assert command(run.path).output == f"{run.report}\n"
    assert run.report.is_file()
    assert isinstance(command(run.path / "elsewhere").exception, MissingFile)


def test_the_command_writes_the_curve_alone_as_the_page_shows_it(run, command, tmp_path):
    curve = tmp_path / "curve.svg"
    assert command(run.path, "--curve", curve).output == f"{run.report}\n{curve}\n"
    assert curve.read_bytes().startswith(b"<?xml")
    assert base64.b64encode(curve.read_bytes()).decode() in run.report.read_text()


def test_a_curve_needs_a_folder_and_a_logged_score(run, command, tmp_path):
    elsewhere = command(run.path, "--curve", tmp_path / "no" / "curve.svg").exception
    assert str(elsewhere).endswith(f"the folder {tmp_path / 'no'} does not exist")
    run.metrics.write_text("step,metric,value\n")
    nothing = command(run.path, "--curve", tmp_path / "curve.svg").exception
    assert "has no learning curve" in str(nothing)

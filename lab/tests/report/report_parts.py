"""A cell and tasks that reports are written of, and a reader of the page."""

from html.parser import HTMLParser
from typing import NamedTuple

import torch
from torch import nn

from recurra import Batch, Cell, Environment, GeneratedTask, Goal, Ref, Score, Task
from recurra_lab import Model
from recurra_lab.reports import write_report

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

    def diagnostics(self, state):
        return {"steps": state.n, "hidden <units>": state.h}


class Local(Ref):
    """A reference to a class at hand, which needs no plugin."""

    def __init__(self, made):
        super().__init__("cell", made.__name__)
        self.made = made

    def build(self, *wiring):
        return self.made(*wiring)


class Echo(GeneratedTask):
    """Repeat the input; lengths differ and padding holds NaN."""

    stream = "Echo"
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

    input_kind = "tokens"

    def __init__(self):
        Task.__init__(self, 5, 5)

    def sample(self, batch_size, rng):
        x = torch.randint(5, (batch_size, 6), generator=rng)
        target = x.clone()
        target[:, 0] = -100
        return Batch(x, target, target >= 0, torch.full((batch_size,), 6))

    def predict(self, y):
        return torch.softmax(y, -1)


class Room(Environment):
    """What a network does here is no sequence that could be drawn."""

    goal = Goal("return", above=0.5)

    def __init__(self):
        super().__init__(2, 2)

    def environments(self, count):
        raise AssertionError("a report plays nothing")

    def actions(self, y):
        return y


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


def report(folder, task=None, model=None, **more):
    task = task or Echo()
    return Page(write_report(folder, model or make(task), task, 7, **more).read_text("utf-8"))


def titles(page):
    return [image["alt"].split(":")[0] for image in page.all("img")]

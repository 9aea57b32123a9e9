"""The experiment: a task, a cell and a trainer with all their options, written as TOML."""

from recurra.experiment.experiment import Experiment as Experiment
from recurra.experiment.given import parse_overrides as parse_overrides
from recurra.experiment.keys import completions as completions

"""The experiment: a task, a cell and a trainer with all their options, written as TOML."""

from recurra_lab.experiments.experiment import Experiment as Experiment
from recurra_lab.experiments.option_list import completions as completions
from recurra_lab.experiments.overrides import parse_overrides as parse_overrides

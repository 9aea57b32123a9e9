"""The public names of recurra_lab; every other module is private by convention."""

from recurra_lab.experiments import Experiment as Experiment
from recurra_lab.training.evaluate import evaluate as evaluate
from recurra_lab.training.evaluate import evaluate_suite as evaluate_suite
from recurra_lab.training.evaluate import play as play
from recurra_lab.training.model import Model as Model
from recurra_lab.training.module import LearningModule as LearningModule
from recurra_lab.training.optim import OptimizerChoice as OptimizerChoice
from recurra_lab.training.optim import ScheduleChoice as ScheduleChoice
from recurra_lab.training.optim import clip as clip
from recurra_lab.training.population import WeightSpace as WeightSpace
from recurra_lab.training.population import run_each as run_each

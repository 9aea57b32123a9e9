"""The public names of recurra_lab; every other module is private by convention."""

from recurra_lab.experiments import Experiment as Experiment
from recurra_lab.reports.sections import ReportSection as ReportSection
from recurra_lab.training.evaluate import evaluate as evaluate
from recurra_lab.training.evaluate import evaluate_suite as evaluate_suite
from recurra_lab.training.evaluate import evaluation_mode as evaluation_mode
from recurra_lab.training.evaluate import play as play
from recurra_lab.training.graph_model import GraphModel as GraphModel
from recurra_lab.training.graph_model import make_model as make_model
from recurra_lab.training.model import Model as Model
from recurra_lab.training.module import LearningModule as LearningModule
from recurra_lab.training.optim import LBFGS as LBFGS
from recurra_lab.training.optim import AdaGrad as AdaGrad
from recurra_lab.training.optim import Adam as Adam
from recurra_lab.training.optim import Choice as Choice
from recurra_lab.training.optim import Constant as Constant
from recurra_lab.training.optim import OptimizerChoice as OptimizerChoice
from recurra_lab.training.optim import OptimizerOptions as OptimizerOptions
from recurra_lab.training.optim import ScheduleChoice as ScheduleChoice
from recurra_lab.training.optim import ScheduleOptions as ScheduleOptions
from recurra_lab.training.optim import clip as clip
from recurra_lab.training.population import Weights as Weights
from recurra_lab.training.population import WeightSpace as WeightSpace
from recurra_lab.training.population import losses as losses
from recurra_lab.training.population import run_each as run_each

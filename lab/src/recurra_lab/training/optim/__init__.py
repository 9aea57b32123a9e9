"""Options shared by gradient-based learning rules: optimizers, schedules and clipping."""

from recurra_lab.training.optim.choice import Choice as Choice
from recurra_lab.training.optim.clipping import clip as clip
from recurra_lab.training.optim.graves import GravesRMSProp as GravesRMSProp
from recurra_lab.training.optim.optimizers import LBFGS as LBFGS
from recurra_lab.training.optim.optimizers import SGD as SGD
from recurra_lab.training.optim.optimizers import AdaGrad as AdaGrad
from recurra_lab.training.optim.optimizers import Adam as Adam
from recurra_lab.training.optim.optimizers import Graves as Graves
from recurra_lab.training.optim.optimizers import OptimizerChoice as OptimizerChoice
from recurra_lab.training.optim.optimizers import OptimizerOptions as OptimizerOptions
from recurra_lab.training.optim.optimizers import RMSprop as RMSprop
from recurra_lab.training.optim.options import ClipNorm as ClipNorm
from recurra_lab.training.optim.options import ClipValue as ClipValue
from recurra_lab.training.optim.options import OptimizationOptions as OptimizationOptions
from recurra_lab.training.optim.options import OptimizerOption as OptimizerOption
from recurra_lab.training.optim.options import ScheduleOption as ScheduleOption
from recurra_lab.training.optim.schedules import Constant as Constant
from recurra_lab.training.optim.schedules import Cosine as Cosine
from recurra_lab.training.optim.schedules import OneCycle as OneCycle
from recurra_lab.training.optim.schedules import ScheduleChoice as ScheduleChoice
from recurra_lab.training.optim.schedules import ScheduleOptions as ScheduleOptions
from recurra_lab.training.optim.schedules import Step as Step

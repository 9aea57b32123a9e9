"""What learning rules that follow a gradient share: optimisers, schedules and clipping, as options."""

from recurra.optimisation.choice import Choice as Choice
from recurra.optimisation.clipping import clip as clip
from recurra.optimisation.graves import GravesRMSProp as GravesRMSProp
from recurra.optimisation.optimizers import LBFGS as LBFGS
from recurra.optimisation.optimizers import SGD as SGD
from recurra.optimisation.optimizers import AdaGrad as AdaGrad
from recurra.optimisation.optimizers import Adam as Adam
from recurra.optimisation.optimizers import Graves as Graves
from recurra.optimisation.optimizers import OptimizerChoice as OptimizerChoice
from recurra.optimisation.optimizers import RMSprop as RMSprop
from recurra.optimisation.schedules import Constant as Constant
from recurra.optimisation.schedules import Cosine as Cosine
from recurra.optimisation.schedules import OneCycle as OneCycle
from recurra.optimisation.schedules import ScheduleChoice as ScheduleChoice
from recurra.optimisation.schedules import Step as Step

"""What the lab and the installed plugins offer by name. Nothing is imported before it is chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from recurra import __version__
from recurra.plugins import registry
from recurra.plugins.discovery import as_component
from recurra.plugins.hooks import Extension, ExtensionKind
from recurra.plugins.registry import Offer

DIST = "recurra-lab"
OPTIMIZERS, SCHEDULES = "recurra_lab.training.optim.optimizers", "recurra_lab.training.optim.schedules"
LOGGERS = "recurra_lab.runs.loggers"
BUNDLED: dict[ExtensionKind, tuple[Extension, ...]] = {
    "optimizer": (
        Extension("adam", f"{OPTIMIZERS}:Adam", "Adam, or AdamW with a weight decay"),
        Extension("sgd", f"{OPTIMIZERS}:SGD", "stochastic gradient descent, with or without momentum"),
        Extension("rmsprop", f"{OPTIMIZERS}:RMSprop", "RMSprop as torch has it"),
        Extension("graves-rmsprop", f"{OPTIMIZERS}:Graves", "RMSProp of Graves 2013"),
        Extension("adagrad", f"{OPTIMIZERS}:AdaGrad", "AdaGrad"),
        Extension("lbfgs", f"{OPTIMIZERS}:LBFGS", "L-BFGS with a line search, for whole problems"),
    ),
    "schedule": (
        Extension("constant", f"{SCHEDULES}:Constant", "the same rate throughout, after a warm-up"),
        Extension("cosine", f"{SCHEDULES}:Cosine", "down along a cosine"),
        Extension("step", f"{SCHEDULES}:Step", "multiplied by a factor every so many updates"),
        Extension("one-cycle", f"{SCHEDULES}:OneCycle", "up to the full rate and down again"),
    ),
    "logger": (
        Extension("csv", f"{LOGGERS}:csv", "metrics.csv, which every run writes"),
        Extension("tensorboard", f"{LOGGERS}:tensorboard", "TensorBoard events in the run's folder"),
        Extension("wandb", f"{LOGGERS}:wandb", "Weights & Biases"),
        Extension("mlflow", f"{LOGGERS}:mlflow", "MLflow"),
    ),
}
"""What comes with the lab."""


def offers(kind: ExtensionKind) -> list[Offer]:
    """Return what there is of a kind: the lab's own first, then the plugins' by name."""
    own = [as_component(kind, extension) for extension in BUNDLED.get(kind, ())]
    return [*(Offer(component, DIST, __version__) for component in own), *registry.extensions(kind)]


def spellings(offers: Sequence[Offer]) -> list[str]:
    """Return the shortest spelling of each offer that names it alone among those of its kind."""
    keys = [(offer.component.kind, offer.component.name) for offer in offers]
    times = Counter(keys)
    return [k[1] if times[k] == 1 else offer.qualified for k, offer in zip(keys, offers, strict=True)]


def find(kind: ExtensionKind, name: str) -> Offer:
    """Return what `name` or `dist:name` means, without importing it.

    Raises:
        UnknownComponent: There is no such thing.
        AmbiguousComponent: It is offered twice.
    """
    return registry.choose(kind, name, offers(kind))


def load(kind: ExtensionKind, name: str) -> Any:
    """Import and return what `name` or `dist:name` means; errors as in `find`.

    Raises:
        BrokenComponent: It cannot be imported.
    """
    return registry.load_target(find(kind, name))

"""Extensions of the lab and of installed plugins; each is imported only when selected."""

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
        Extension("rmsprop", f"{OPTIMIZERS}:RMSprop", "RMSprop as implemented in PyTorch"),
        Extension("graves-rmsprop", f"{OPTIMIZERS}:Graves", "RMSProp variant of Graves 2013"),
        Extension("adagrad", f"{OPTIMIZERS}:AdaGrad", "AdaGrad"),
        Extension("lbfgs", f"{OPTIMIZERS}:LBFGS", "L-BFGS with line search, for full-batch problems"),
    ),
    "schedule": (
        Extension("constant", f"{SCHEDULES}:Constant", "constant rate after an optional warm-up"),
        Extension("cosine", f"{SCHEDULES}:Cosine", "cosine annealing"),
        Extension("step", f"{SCHEDULES}:Step", "multiplied by a factor at fixed intervals"),
        Extension("one-cycle", f"{SCHEDULES}:OneCycle", "one-cycle policy: up to the full rate and down"),
    ),
    "logger": (
        Extension("csv", f"{LOGGERS}:csv", "metrics.csv, which every run writes"),
        Extension("tensorboard", f"{LOGGERS}:tensorboard", "TensorBoard events in the run's folder"),
        Extension("wandb", f"{LOGGERS}:wandb", "Weights & Biases"),
        Extension("mlflow", f"{LOGGERS}:mlflow", "MLflow"),
    ),
}
"""Extensions bundled with the lab."""


def offers(kind: ExtensionKind) -> list[Offer]:
    """Return all extensions of a kind: those of the lab, then those of plugins by name."""
    own = [as_component(kind, extension) for extension in BUNDLED.get(kind, ())]
    return [*(Offer(component, DIST, __version__) for component in own), *registry.extensions(kind)]


def spellings(offers: Sequence[Offer]) -> list[str]:
    """Return the shortest unambiguous spelling of each offer among those of its kind."""
    keys = [(offer.component.kind, offer.component.name) for offer in offers]
    times = Counter(keys)
    return [k[1] if times[k] == 1 else offer.qualified for k, offer in zip(keys, offers, strict=True)]


def find(kind: ExtensionKind, name: str) -> Offer:
    """Return the extension `name` or `dist:name` without importing it.

    Raises:
        UnknownComponent: There is no such extension.
        AmbiguousComponent: Several distributions provide it.
    """
    return registry.choose(kind, name, offers(kind))


def load(kind: ExtensionKind, name: str) -> Any:
    """Import and return the extension `name` or `dist:name`; raises the errors of `find`.

    Raises:
        BrokenComponent: It cannot be imported.
    """
    return registry.load_target(find(kind, name))

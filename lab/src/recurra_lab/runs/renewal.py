"""Resuming with other options: the optimizer's state goes on, with the new options in place of the old."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

PROGRESS = ("last_epoch", "_step_count", "_last_lr", "_get_lr_called_within_step")
"""What the state of a schedule says about its progress; the rest are its options."""


def renew(content: dict[str, Any], fresh: Any) -> None:
    """Replace the options of the optimizer and the schedule in a checkpoint, in place.

    A schedule that has reached half the old learning rate goes on from half the new one.

    Args:
        content: The checkpoint.
        fresh: What the module configures now: optimizer and schedule, as Lightning expects them, or None.
    """
    if not isinstance(fresh, dict):
        return
    optimizer: Optimizer = fresh["optimizer"]
    saved = content["optimizer_states"][0]["param_groups"]
    for old, new in zip(saved, optimizer.param_groups, strict=True):
        reached = old["lr"] / old.get("initial_lr", old["lr"])
        old |= {name: value for name, value in new.items() if name != "params"}
        old["lr"] = new.get("initial_lr", new["lr"]) * reached
    if "lr_scheduler" in fresh:
        state = content["lr_schedulers"][0]
        now = fresh["lr_scheduler"]["scheduler"].state_dict()
        state |= {name: value for name, value in now.items() if name not in PROGRESS}

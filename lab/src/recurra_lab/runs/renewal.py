"""Resuming with other options: training and the optimizer's state go on, with the new options."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

PROGRESS = ("last_epoch", "_step_count", "_last_lr", "_get_lr_called_within_step")
"""What the state of a schedule says about its progress; the rest are its options."""


def reopen(content: dict[str, Any]) -> None:
    """Let training go on from a checkpoint that may be the last of a run, in place.

    Lightning stops at a checkpoint that ends the only epoch, whatever the number of steps is now.
    """
    content["epoch"] = 0
    loops = content["loops"]["fit_loop"]
    for count in ("total", "current"):
        loops["epoch_progress"][count] |= {"completed": 0, "processed": 0}
    loops["epoch_loop.batch_progress"]["is_last_batch"] = False


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

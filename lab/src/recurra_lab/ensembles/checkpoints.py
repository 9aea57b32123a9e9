"""The checkpoint of an ensemble: one of the ordinary kind for each member, with which it can go on alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning_fabric.plugins import CheckpointIO

from recurra.state import leaves, map_state
from recurra_lab.artifacts.checkpoint import Checkpoint, path_of
from recurra_lab.ensembles.module import EnsembleModule
from recurra_lab.ensembles.stack import join_optimizers, split_optimizer
from recurra_lab.runs.callbacks import remove_old


class EnsembleCheckpoints(CheckpointIO):
    """Splits a checkpoint that Lightning saves, and joins those that an ensemble goes on from.

    Args:
        module: The ensemble.
        checkpoints: Those that the members go on from, or none.

    Attributes:
        due: The members to save.
    """

    def __init__(self, module: EnsembleModule, checkpoints: Sequence[Checkpoint]) -> None:
        self.module, self.checkpoints = module, checkpoints
        self.due: Sequence[int] = ()

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the checkpoints of the members that are due, and remove their old ones."""
        step = self.module.step
        for i in self.due:
            member = self.module.members[i]
            run, best = member.run, member.validation.kept_step
            run.store.save_checkpoint(self._part(checkpoint, i), path_of(run.folder.checkpoints, step))
            remove_old(run.folder, run.store, best)

    def _part(self, whole: dict[str, Any], i: int) -> dict[str, Any]:
        stack, member = self.module.stack, self.module.members[i]
        weights = stack.optimized()
        part = whole | {
            "state_dict": {name: value.clone() for name, value in stack.turn(i).state_dict().items()},
            "callbacks": {member.validation.state_key: member.validation.state_dict()},
            "optimizer_states": [split_optimizer(s, weights, i) for s in whole["optimizer_states"]],
        }
        if member.carried is not None:
            part["carried"] = [leaf for _, leaf in leaves(member.carried)]
        return part

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Return the state of the optimizer of all members, and the position, which is the same for all."""
        contents = [checkpoint.content for checkpoint in self.checkpoints]
        weights = self.module.stack.optimized()
        states = zip(*(content["optimizer_states"] for content in contents), strict=True)
        return contents[0] | {
            "state_dict": {},
            "callbacks": {},
            "optimizer_states": [join_optimizers(each, weights) for each in states],
        }

    def remove_checkpoint(self, path: Any) -> None:
        """Do nothing: the ensemble itself has no checkpoint."""

    def restore(self) -> None:
        """Set what the members keep besides tensors and the optimizer's state."""
        for member, checkpoint in zip(self.module.members, self.checkpoints, strict=False):
            content = checkpoint.content
            member.validation.load_state_dict(content["callbacks"][member.validation.state_key])
            if "carried" in content:
                parts = iter(content["carried"])
                state = self.module.stack.rule.model.sequencer.initial_state(1)
                member.carried = map_state(lambda _, parts=parts: next(parts), state)

"""The Lightning modules of recursive least squares, without and with feedback."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recurra import Batch, IncompatibleParts, Network, Task
from recurra_lab import FeedsBack, ReadoutRule


class RLSModule(ReadoutRule):
    """Updates the readout at every step; the readout and P are saved in float64.

    Args:
        model: Whose readout is trained.
        task: The task whose targets are used.
        seed: The run's seed.
        penalty: α, the penalty on squared changes of the initial readout.
        forgetting: λ, the weight of the past after each step.
        washout: Initial steps of each sequence that are not used.
        rule: The name of the trainer, for messages.

    Raises:
        IncompatibleParts: The model has no linear readout.
    """

    replicate_batches = True
    P: Tensor
    weights: Tensor

    def __init__(
        self,
        model: Network,
        task: Task,
        seed: int,
        *,
        penalty: float,
        forgetting: float,
        washout: int,
        rule: str = "rls",
    ) -> None:
        super().__init__(model, task, seed, rule=rule, washout=washout)
        self.forgetting = forgetting
        W = self.readout.weight.detach().double().T
        b = torch.zeros_like(W[:1]) if self.readout.bias is None else self.readout.bias.detach()[None]
        self.register_buffer("weights", torch.cat([W, b.double()]))  # Wᵀ, (H + 1, O)
        self.register_buffer("P", torch.eye(len(self.weights), dtype=torch.float64) / penalty)

    @torch.no_grad()
    def training_loss(self, batch: Batch) -> Tensor:
        """Return the loss of the outputs, each computed with the readout before the update of its step."""
        h, state = self.features(batch.x, self.initial_state_for(batch), batch.lengths)
        self.carry_over(state, batch)
        d, used = self.targets(batch), self.used(batch)
        y = torch.stack([self.answer(h[:, t], d[:, t], used[:, t]) for t in range(h.shape[1])], 1)
        self.record(y, batch)
        return self.loss_of(y, state, batch)

    def answer(self, h: Tensor, d: Tensor, used: Tensor) -> Tensor:
        """Return y (B, O), then learn: features h (B, H), targets d (B, O), rows that count (B,)."""
        y: Tensor = self.readout(h)
        if bool(used.any()):
            self._update(self.with_ones(h[used]), d[used])
            self.set_readout(self.weights)
        return y

    def _update(self, h: Tensor, d: Tensor) -> None:
        """Update P and W by n rows: h (n, H + 1), d (n, O)."""
        Ph = self.P @ h.T  # (H + 1, n)
        S = h @ Ph + self.forgetting * torch.eye(len(h), dtype=h.dtype, device=h.device)
        gain = torch.linalg.solve(S, Ph.T).T
        self.weights += gain @ (d - h @ self.weights)
        P = (self.P - gain @ Ph.T) / self.forgetting
        self.P.copy_((P + P.T) / 2)  # rounding would make it asymmetric, and in the long run indefinite


class FORCEModule(RLSModule):
    """Updates the readout and the cell's copy of it at every step, while the cell reads that copy.

    Args:
        model: Whose readout is trained.
        task: The task whose targets are used.
        seed: The run's seed.
        penalty: α, the penalty on squared changes of the initial readout.
        forgetting: λ, the weight of the past after each step.
        washout: Initial steps of each sequence that are not used.

    Raises:
        IncompatibleParts: The model has no linear readout, or no cell of it feeds that back.
    """

    def __init__(
        self, model: Network, task: Task, seed: int, *, penalty: float, forgetting: float, washout: int
    ) -> None:
        options = {"penalty": penalty, "forgetting": forgetting}
        super().__init__(model, task, seed, washout=washout, rule="force", **options)
        self._copy = (self._fed_back(),)  # in a tuple, since a layer known by two names is saved twice

    def _fed_back(self) -> nn.Linear:
        cells = [part for part in self.model.sequencer.modules() if isinstance(part, FeedsBack)]
        layers = [layer for layer in (cell.fed_back() for cell in cells) if layer is not None]
        if len(layers) != 1 or layers[0].weight.shape != self.readout.weight.shape:
            outputs = self.readout.out_features
            told = f"needs one cell that feeds back the {outputs} outputs of its readout"
            raise IncompatibleParts(f"trainer 'force' {told}, such as leaky-echo-state, feedback={outputs}")
        return layers[0]

    @torch.no_grad()
    def training_loss(self, batch: Batch) -> Tensor:
        """Return the loss of the outputs, each computed with the readout before the update of its step."""
        self.set_readout(self.weights)
        state, outputs = self.initial_state_for(batch), []
        d, used = self.targets(batch), self.used(batch)
        for t in range(batch.x.shape[1]):
            live = (batch.lengths > t).to(batch.lengths.dtype)
            h, state = self.features(batch.x[:, t : t + 1], state, live)
            outputs.append(self.answer(h[:, 0], d[:, t], used[:, t]))
        y = torch.stack(outputs, 1)
        self.carry_over(state, batch)
        self.record(y, batch)
        return self.loss_of(y, state, batch)

    def set_readout(self, weights: Tensor) -> None:
        """Set the readout and the cell's copy of it: weights (H + 1, O), the bias last."""
        super().set_readout(weights)
        self._copy[0].load_state_dict(self.readout.state_dict())

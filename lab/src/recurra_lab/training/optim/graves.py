"""RMSProp as Graves used it in 2013 and for the Neural Turing Machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class GravesRMSProp(Optimizer):
    """Centred RMSProp with epsilon inside the square root and momentum on the update.

        n = ρ n + (1 − ρ) d²;  m = ρ m + (1 − ρ) d;  Δ = μ Δ − lr d / √(n − m² + ε);  w = w + Δ

    Differs from `torch.optim.RMSprop(centered=True, momentum=...)`: that one adds ε outside the square
    root, which makes the first steps up to a hundred times larger.
    Source: Graves 2013, equations 38 to 45.

    Args:
        params: Parameters to optimize.
        lr: Learning rate.
        decay: ρ, decay of both running means.
        momentum: μ.
        epsilon: ε.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        decay: float = 0.95,
        momentum: float = 0.9,
        epsilon: float = 1e-4,
    ) -> None:
        super().__init__(params, {"lr": lr, "decay": decay, "momentum": momentum, "epsilon": epsilon})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Perform one update; returns the value of `closure`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None:
                    self._update(w, w.grad, group)
        return loss

    def _update(self, w: Tensor, d: Tensor, group: dict[str, Any]) -> None:
        state = self.state[w]
        if not state:
            state.update(n=torch.zeros_like(w), m=torch.zeros_like(w), delta=torch.zeros_like(w))
        n, m, delta, decay = state["n"], state["m"], state["delta"], group["decay"]
        n.mul_(decay).addcmul_(d, d, value=1 - decay)
        m.mul_(decay).add_(d, alpha=1 - decay)
        root = (n - m.square() + group["epsilon"]).sqrt_()
        delta.mul_(group["momentum"]).addcdiv_(d, root, value=-group["lr"])
        w.add_(delta)

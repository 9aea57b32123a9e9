"""The hierarchically gated recurrent network: a linear recurrence whose forget gate has a lower bound."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import silu

from recurra import Cell, InvalidOption
from recurra_gated_linear.shared import Size

Rotation = Annotated[bool, Field(description="h is complex and turns by a learned angle at every step")]
Bound = Annotated[
    float, Field(ge=0, lt=1, description="γ, lower bound of the forget gate; larger in higher layers")
]
Learned = Annotated[bool, Field(description="learn γ, one per unit, from this value on")]
BASE = 10_000
"""The angles start at BASE^(−2 j / H), as in the authors' code."""
LARGE = 1e15
"""The square of a number far beyond this one overflows float32, and with it the variance of LN."""


class HGRNState(NamedTuple):
    """The state: h (B, P, H), its real part and, with rotation, its imaginary part: P is 2, else 1."""

    h: Tensor


class HGRN(Cell[HGRNState]):
    """Gated linear recurrence with a lower bound on the forget gate and a gated, normalised output.

        λ = γ + (1 − γ) ∘ σ(W_λ x + b_λ);  c = silu(W_c x + b_c);  g = σ(W_g x + b_g)
        h' = λ ∘ e^{iθ} ∘ h + (1 − λ) ∘ c
        y = W_o LN(g ∘ h') + b_o

    h, c and g have a real and an imaginary part, and LN normalises both together; without `rotation` they
    are real, and e^{iθ} is absent. In the paper, γ grows from layer to layer, from zero in the first one; at
    the start of training it is k / L in layer k = 0, 1, ... of L. In a model, give each layer its own:
    `'model.stack=[{name="hgrn"}, {name="hgrn", lower_bound=0.5}]'`.

    Shapes: x (B, I), h (B, P, H), y (B, H), where P is 2 with rotation and 1 without.
    Parameters: (2 P + 1) H (I + 1) + 2 P H + H (P H + 1), H more with rotation, H more with a learned γ.
    Initialization: W and b that of `nn.Linear`; θ_j = 10000^{−2 j / H} for j = 0 to H − 1; LN the identity.
    Differs from the paper: a cell knows of no other layer, so γ is a constant or, with `learned_bound`, a
    parameter σ(·) of its own layer, where the paper sums a softmax over all layers. What LN sees is kept
    within ± 10^15. The channel mixer (GLU) between its layers is left to the model.
    Source: Qin, Yang and Zhong 2023, arXiv 2311.04823.
    """

    contract_options = {"hidden_size": 5, "lower_bound": 0.2, "learned_bound": True}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        rotation: Rotation = True,
        lower_bound: Bound = 0.0,
        learned_bound: Learned = False,
    ) -> None:
        super().__init__(input_size, hidden_size)
        if learned_bound and lower_bound == 0:
            raise InvalidOption("HGRN: learned_bound needs lower_bound > 0 to start from; it is 0")
        self.parts = 2 if rotation else 1
        self.from_x = nn.Linear(input_size, (2 * self.parts + 1) * hidden_size)  # rows: λ, c, g
        angles = BASE ** (-2 * torch.arange(hidden_size) / hidden_size)
        self.theta = nn.Parameter(angles) if rotation else None
        self.lower_bound = lower_bound
        logit = (
            torch.full([hidden_size], math.log(lower_bound / (1 - lower_bound))) if learned_bound else None
        )
        self.bound = None if logit is None else nn.Parameter(logit)  # γ before σ
        self.norm = nn.LayerNorm(self.parts * hidden_size)
        self.to_y = nn.Linear(self.parts * hidden_size, hidden_size)

    def initial_state(self, batch_size: int) -> HGRNState:
        """Return zeros."""
        return HGRNState(self.zeros(batch_size, self.parts, self.output_size))

    def step(self, x: Tensor, state: HGRNState) -> tuple[Tensor, HGRNState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        wide = self.parts * self.output_size
        forget, c, g = self.from_x(x).split([self.output_size, wide, wide], -1)
        gamma = self.lower_bound if self.bound is None else torch.sigmoid(self.bound)
        lambda_ = (gamma + (1 - gamma) * torch.sigmoid(forget))[:, None]  # (B, 1, H)
        turned = self._turned(state.h)
        h = turned + (1 - lambda_) * (silu(c).view_as(turned) - turned)
        shown = (torch.sigmoid(g) * h.flatten(1)).clamp(-LARGE, LARGE)
        y: Tensor = self.to_y(self.norm(shown))
        return y, HGRNState(h)

    def _turned(self, h: Tensor) -> Tensor:
        if self.theta is None:
            return h
        (re, im), cos, sin = h.unbind(1), torch.cos(self.theta), torch.sin(self.theta)
        return torch.stack([cos * re - sin * im, sin * re + cos * im], 1)

    def diagnostics(self, state: HGRNState) -> dict[str, Tensor]:
        """Return the absolute values of h."""
        return {"hidden units": torch.linalg.vector_norm(state.h, dim=1)}

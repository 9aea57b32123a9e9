"""The minimal GRU and LSTM: gates and candidate depend on the input only, so the state enters linearly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from recurra_gated_linear.shared import HiddenCell, HiddenState, Size

Form = Annotated[
    Literal["log-space", "vanilla"],
    Field(description="log-space: g makes the candidate positive; vanilla: g is the identity"),
]
ForgetBias = Annotated[float, Field(description="added to the initial b_f; larger values remember longer")]


def positive(u: Tensor) -> Tensor:
    """Return u + 1/2 where u is not negative, and σ(u) elsewhere: positive, continuous, and 1/2 at zero."""
    return torch.where(u >= 0, u + 0.5, torch.sigmoid(u))


FORMS: Mapping[str, Callable[[Tensor], Tensor]] = {"log-space": positive, "vanilla": torch.positive}


class MinGRU(HiddenCell):
    """Minimal gated recurrent unit: neither the gate nor the candidate depends on the previous state.

        z = σ(W_z x + b_z)
        y = h' = (1 − z) ∘ h + z ∘ g(W_h x + b_h)

    In the form `log-space`, g(u) is u + 1/2 where u ≥ 0 and σ(u) elsewhere, so that h stays positive; in the
    form `vanilla`, g is the identity.

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters: 2 H (I + 1).
    Initialization: that of `nn.Linear`, uniform in ± 1 / √I, also for the biases.
    Differs from the paper: the log-space form is computed as written here, step by step, and not with
    logarithms of h; both have the same values. h starts at zero; the paper's code applies g to the state at
    the start of every call, which turns zero into 1/2 and changes a state that was handed over.
    Source: Feng, Tung, Ahmed, Bengio and Hajimirsadeghi 2024, arXiv 2410.01201.
    """

    def __init__(self, input_size: int, *, hidden_size: Size = 128, form: Form = "log-space") -> None:
        super().__init__(input_size, hidden_size)
        self.g = FORMS[form]
        self.from_x = nn.Linear(input_size, 2 * hidden_size)  # rows: z, h

    def step(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        z, candidate = self.from_x(x).chunk(2, -1)
        h = state.h + torch.sigmoid(z) * (self.g(candidate) - state.h)
        return h, HiddenState(h)


class MinLSTM(HiddenCell):
    """Minimal LSTM: gates that depend on the input only and sum to one, and no output gate.

        f = σ(W_f x + b_f);  i = σ(W_i x + b_i)
        y = h' = f / (f + i) ∘ h + i / (f + i) ∘ g(W_h x + b_h)

    In the form `log-space`, g(u) is u + 1/2 where u ≥ 0 and σ(u) elsewhere, so that h stays positive; in the
    form `vanilla`, g is the identity.

    Shapes: x (B, I), h (B, H), y (B, H).  Parameters: 3 H (I + 1).
    Initialization: that of `nn.Linear`, uniform in ± 1 / √I, also for the biases; b_f plus `forget_bias`.
    Differs from the paper: f / (f + i) is computed as σ(log f − log i), which is finite where both gates
    are closed; h starts at zero, and no state is passed through g, as in `MinGRU`.
    Source: Feng, Tung, Ahmed, Bengio and Hajimirsadeghi 2024, arXiv 2410.01201.
    """

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Size = 128,
        form: Form = "log-space",
        forget_bias: ForgetBias = 0.0,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.g = FORMS[form]
        self.from_x = nn.Linear(input_size, 3 * hidden_size)  # rows: f, i, h
        with torch.no_grad():
            self.from_x.bias[:hidden_size] += forget_bias

    def step(self, x: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """Advance by one step: x (B, I), state -> y (B, H), state."""
        f, i, candidate = self.from_x(x).chunk(3, -1)
        i = torch.sigmoid(logsigmoid(i) - logsigmoid(f))
        h = state.h + i * (self.g(candidate) - state.h)
        return h, HiddenState(h)

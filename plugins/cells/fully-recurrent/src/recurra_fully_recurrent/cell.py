"""Units connected to each other, some connections of which may be absent and some fixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell, InvalidOption

Share = Annotated[float, Field(ge=0, le=1)]
Outputs = Annotated[tuple[int, ...], Field(strict=False)]
Activation = Literal["tanh", "logistic", "relu"]
FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "relu": torch.relu,
}


class FullyRecurrentState(NamedTuple):
    """The state: the units u (B, n)."""

    u: Tensor


class FullyRecurrent(Cell[FullyRecurrentState]):
    """n units, each connected to every input and, with a delay of one step, to every unit.

        z = [x, u, 1];  s = w z;  u' = (1 − α) u + α f(s);  y = the output units of u'

    With `logits`, y is instead s of the output units, so logistic units can answer a task that takes logits
    without a readout.

    An absent connection w_ij is permanently zero, and an untrained one keeps its initial value.
    With `trained` = 0 the cell is the reservoir of an echo-state network: only the readout of y is trained.

    Shapes: x (B, I), z (B, I + n + 1), u (B, n), y (B, O), O = n unless `outputs` names some units.
    Parameters: n (I + n + 1); absent and fixed ones are counted but unused, and if no connection is
    trained they require no gradient.
    Initialization: every w uniform in ±`init_range`; then, if a spectral radius is given, the weights between
    units are rescaled to it. u zero. Which connections are absent or fixed is drawn first.
    Differs from the paper: u(t + 1) is output in the step that reads x(t); tanh units by default;
    the leak α is that of echo-state networks.
    Source: Williams and Zipser 1989, Neural Computation 1:270-280; echo states: Jaeger 2001.
    """

    learns: Tensor
    fixed: Tensor
    shown: Tensor | None

    renamed_options = {"squash": "activation"}
    contract_options = {"hidden_size": 5, "density": 0.7, "trained": 0.7}

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: Annotated[int, Field(gt=0, description="n, number of units")] = 128,
        outputs: Annotated[
            int | Outputs | None,
            Field(description="units whose values are y: the first that many, or these indices; none: all"),
        ] = None,
        logits: Annotated[bool, Field(description="y is s of the output units, before f")] = False,
        self_feedback: Annotated[bool, Field(description="connect each unit to itself")] = True,
        density: Annotated[Share, Field(description="fraction of connections among units that exist")] = 1.0,
        trained: Annotated[Share, Field(description="fraction of all connections that are trained")] = 1.0,
        activation: Annotated[Activation, Field(description="f, activation of the units")] = "tanh",
        leak: Annotated[float, Field(gt=0, le=1, description="α, leak rate")] = 1.0,
        init_range: Annotated[
            float, Field(gt=0, description="weights are initialized uniformly within ± this")
        ] = 0.1,
        spectral_radius: Annotated[
            float | None,
            Field(
                gt=0,
                description="initial largest absolute eigenvalue of the weights among units; none: as drawn",
            ),
        ] = None,
    ) -> None:
        shown = _shown(hidden_size, outputs)
        super().__init__(input_size, len(shown))
        self.hidden_size, self.f, self.leak, self.logits = hidden_size, FUNCTIONS[activation], leak, logits
        # A buffer, since an exported program cannot hold a list; the options say it, so it is not saved.
        # The first units need none: a slice runs at every level of the engine, numbers only in the loop.
        some = torch.tensor(shown) if shown != list(range(len(shown))) else None
        self.register_buffer("shown", some, persistent=False)
        there = self._there(density, self_feedback)
        learns = there & (torch.rand(there.shape) < trained)
        w = there * torch.empty(there.shape).uniform_(-init_range, init_range)
        if spectral_radius is not None:
            self._scale(w, spectral_radius)
        self.register_buffer("learns", learns)
        self.register_buffer("fixed", torch.where(learns, 0.0, w))
        self.weights = nn.Parameter(torch.where(learns, w, 0.0), requires_grad=bool(learns.any()))

    def _among_units(self, of_all: Tensor) -> Tensor:
        """Return the part (n, n) of a matrix (n, I + n + 1) that connects units to units."""
        return of_all[:, self.input_size : self.input_size + self.hidden_size]

    def _there(self, density: float, self_feedback: bool) -> Tensor:
        there = torch.ones(self.hidden_size, self.input_size + self.hidden_size + 1, dtype=torch.bool)
        among = self._among_units(there)
        among &= torch.rand(among.shape) < density
        if not self_feedback:
            among.fill_diagonal_(False)
        return there

    def _scale(self, w: Tensor, radius: float) -> None:
        among = self._among_units(w)
        found = float(torch.linalg.eigvals(among.double()).abs().max())
        if found <= torch.finfo(w.dtype).eps * float(among.abs().max()):
            message = "the connections among units have no cycle"
            raise InvalidOption(f"FullyRecurrent: spectral_radius = {radius}: {message}; raise density")
        among *= radius / found

    def matrix(self) -> Tensor:
        """Return w (n, I + n + 1): trained and fixed weights, zero where nothing is connected."""
        return torch.where(self.learns, self.weights, self.fixed)

    def initial_state(self, batch_size: int) -> FullyRecurrentState:
        """Return zeros."""
        return FullyRecurrentState(self.zeros(batch_size, self.hidden_size))

    def step(self, x: Tensor, state: FullyRecurrentState) -> tuple[Tensor, FullyRecurrentState]:
        """Advance by one step: x (B, I), state -> y (B, O), state."""
        u = state.u
        z = torch.cat([x, u, u.new_ones(u.shape[0], 1)], -1)
        s = nn.functional.linear(z, self.matrix())
        u = self.f(s) if self.leak == 1 else (1 - self.leak) * u + self.leak * self.f(s)
        y = s if self.logits else u
        y = y[:, : self.output_size] if self.shown is None else y.index_select(1, self.shown)
        return y, FullyRecurrentState(u)

    def forced(self, state: FullyRecurrentState, target: Tensor, scored: Tensor) -> FullyRecurrentState:
        """Put targets (B, O) in place of the output units, where scored (B,), for teacher forcing."""
        shown = torch.arange(self.output_size, device=target.device) if self.shown is None else self.shown
        u = state.u.scatter(1, shown.expand(len(target), -1), target.to(state.u.dtype))
        return FullyRecurrentState(torch.where(scored[:, None], u, state.u))

    def diagnostics(self, state: FullyRecurrentState) -> dict[str, Tensor]:
        """Return the units."""
        return {"units": state.u}


def _shown(units: int, outputs: int | tuple[int, ...] | None) -> list[int]:
    """Return the numbers of the output units."""
    shown = (
        list(range(units if outputs is None else outputs)) if not isinstance(outputs, tuple) else [*outputs]
    )
    if not shown or min(shown) < 0 or max(shown) >= units or len(set(shown)) < len(shown):
        message = (
            f"outputs = {outputs}: expected 1 to {units} units, or distinct indices from 0 to {units - 1}"
        )
        raise InvalidOption(f"FullyRecurrent: {message}")
    return shown

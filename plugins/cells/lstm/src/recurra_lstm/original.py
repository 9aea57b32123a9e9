"""The LSTM of 1997: blocks of memory cells behind common gates, and errors that stay in the cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from recurra import Cell, InvalidOption, Tags

Bias = float | Annotated[tuple[float, ...], Field(strict=False)] | None
Biases = Literal["none", "gates", "all"]
InputSquash = Literal["scaled", "logistic", "identity"]
OutputSquash = Literal["scaled", "identity"]
Count = Annotated[int, Field(gt=0)]


def squash(name: InputSquash, x: Tensor, bound: float) -> Tensor:
    """Return the logistic function of x, scaled to (-bound, bound) or not, or x itself."""
    if name == "scaled":
        # Equal to 2 bound σ(x) − bound, but exact near 0 too, where that subtracts nearly equal numbers.
        return bound * torch.tanh(x / 2)
    return torch.sigmoid(x) if name == "logistic" else x


class LSTM1997State(NamedTuple):
    """The state: y (B, b S), gates (B, G b) in the order input, forget, output, s (B, b, S)."""

    y: Tensor
    gates: Tensor
    s: Tensor


class LSTM1997(Cell[LSTM1997State]):
    """Memory cell blocks: the S cells of block j have separate inputs and share their gates.

        y_in_j = f(W_in_j u + b_in_j);  y_out_j = f(W_out_j u + b_out_j);  net_c = W_c u + b_c
        s_c' = s_c + y_in_j g(net_c);   y_c' = y_out_j h(s_c')
        f(x) = σ(x);  g(x) = 4 σ(x) − 2;  h(x) = 2 σ(x) − 1

    u are the inputs of cells and gates: x, and y_c, y_in and y_out of the previous step. With
    `truncated`, as in the paper, the error that reaches net_c, net_in or net_out changes the weights W there
    and goes no further back: only s carries it from step to step.
    With `forget_gate`, s_c' = y_f_j s_c + y_in_j g(net_c) and y_f_j = f(W_f_j u + b_f_j), which is one more
    unit of u. With `peepholes` net_in and net_f also see each s_c of their own block, and net_out each s_c';
    the truncated error does not pass through these either.
    With `shows_input`, as in experiment 2a, the output is [y_c', x], so that the readout sees x too.

    Shapes: x (B, I), b blocks of S cells and G gates each (input, forget, output: those it has), s (B, b, S),
    y (B, b S), or (B, b S + I) with `shows_input`.
    Parameters: b (S + G) U for the U = I + b S + G b units of u (fewer if cells or gates do not feed back),
    G b biases of gates, b S of cells, and G b S with peepholes.
    Initialization: weights, and biases that are not given, uniform in ±`init_range`; s, y and gates 0.
    Differs from the papers: x feeds the cells at its own step, as in their experiments, rather than one
    later; an error reaches x, so that what lies below the cell learns; there are no ordinary hidden units.
    Source: Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber and Cummins 2000; peepholes:
    Gers, Schraudolph and Schmidhuber 2002.
    """

    tags = Tags(exact_gradient=False)
    contract_options = {"blocks": 3, "block_size": 2}

    def __init__(
        self,
        input_size: int,
        *,
        blocks: Annotated[Count, Field(description="b, number of blocks")] = 64,
        block_size: Annotated[Count, Field(description="S, number of cells in a block")] = 2,
        truncated: Annotated[bool, Field(description="let only s carry errors from step to step")] = True,
        cells_feed_back: Annotated[bool, Field(description="feed back y_c of the previous step")] = True,
        gates_feed_back: Annotated[
            bool, Field(description="feed back the gates of the previous step")
        ] = True,
        output_gate: Annotated[
            bool, Field(description="use output gates; without them, y_c = h(s_c)")
        ] = True,
        forget_gate: Annotated[
            bool, Field(description="use forget gates, which scale s before it is added to (2000)")
        ] = False,
        peepholes: Annotated[bool, Field(description="connect gates to s of their block (2002)")] = False,
        biases: Annotated[Biases, Field(description="which units have a bias")] = "gates",
        input_bias: Annotated[Bias, Field(description="initial b_in, for all blocks or per block")] = None,
        output_bias: Annotated[Bias, Field(description="initial b_out, for all blocks or per block")] = None,
        forget_bias: Annotated[Bias, Field(description="initial b_f, for all blocks or per block")] = None,
        g: Annotated[InputSquash, Field(description="activation of net_c")] = "scaled",
        h: Annotated[OutputSquash, Field(description="activation of s_c")] = "scaled",
        init_range: Annotated[
            float, Field(gt=0, description="weights are initialized uniformly within ± this")
        ] = 0.1,
        shows_input: Annotated[
            bool, Field(description="append x to the output, for a readout that sees it")
        ] = False,
    ) -> None:
        cells = blocks * block_size
        super().__init__(input_size, cells + shows_input * input_size)
        self.tags = Tags(exact_gradient=not truncated)
        self.block, self.truncated, self.g, self.h = (blocks, block_size), truncated, g, h
        self.gates = ["input", *["forget"] * forget_gate, *["output"] * output_gate]
        self.cells_feed_back, self.gates_feed_back = cells_feed_back, gates_feed_back
        self.cells, self.shows_input, G = cells, shows_input, len(self.gates)
        units = input_size + cells_feed_back * cells + gates_feed_back * G * blocks
        # rows: cells, then gates, each block by block; columns: x, then the cells and gates that feed back
        self.weights = nn.Linear(units, cells + G * blocks, bias=False)
        self.gate_bias = None if biases == "none" else nn.Parameter(torch.empty(G, blocks))
        self.cell_bias = nn.Parameter(torch.empty(cells)) if biases == "all" else None
        self.peepholes = nn.Parameter(torch.empty(G, blocks, block_size)) if peepholes else None
        self._initialise(init_range, {"input": input_bias, "forget": forget_bias, "output": output_bias})

    def _initialise(self, init_range: float, biases: dict[str, Bias]) -> None:
        for p in self.parameters():
            nn.init.uniform_(p, -init_range, init_range)
        for gate, bias in biases.items():
            if bias is not None:
                self._initialise_bias(gate, bias)

    def _initialise_bias(self, gate: str, bias: float | tuple[float, ...]) -> None:
        message, values = f"LSTM1997: {gate}_bias = {bias}", torch.tensor(bias)
        if gate not in self.gates:
            raise InvalidOption(f"{message} needs that gate; set {gate}_gate = true")
        if self.gate_bias is None:
            raise InvalidOption(f"{message} needs gates with a bias; set biases = gates")
        if values.dim() and len(values) != self.block[0]:
            count = f"{len(values)} values for {self.block[0]} blocks"
            raise InvalidOption(f"{message} has {count}; give one number for all blocks or one per block")
        with torch.no_grad():
            self.gate_bias[self.gates.index(gate)] = values

    def initial_state(self, batch_size: int) -> LSTM1997State:
        """Return zeros."""
        gates = len(self.gates) * self.block[0]
        zeros = [self.zeros(batch_size, *sizes) for sizes in [(self.cells,), (gates,), self.block]]
        return LSTM1997State(*zeros)

    def step(self, x: Tensor, state: LSTM1997State) -> tuple[Tensor, LSTM1997State]:
        """Advance by one step: x (B, I), state -> y (B, b S), or [y, x], and state."""
        s = state.s
        net_c, net = self._nets(torch.cat([x, *self._fed_back(state)], -1))
        gates = {"input": torch.sigmoid(net["input"] + self._peep("input", s))}  # (B, b) each
        kept = s
        if "forget" in net:
            gates["forget"] = torch.sigmoid(net["forget"] + self._peep("forget", s))
            kept = gates["forget"][..., None] * s
        s = kept + gates["input"][..., None] * squash(self.g, net_c, 2)
        y = squash(self.h, s, 1)
        if "output" in net:
            gates["output"] = torch.sigmoid(net["output"] + self._peep("output", s))
            y = gates["output"][..., None] * y
        y = y.flatten(1)
        output = torch.cat([y, x], -1) if self.shows_input else y
        return output, LSTM1997State(y, torch.cat(list(gates.values()), -1), s)

    def _fed_back(self, state: LSTM1997State) -> Iterator[Tensor]:
        for unit, feeds in ((state.y, self.cells_feed_back), (state.gates, self.gates_feed_back)):
            if feeds:
                yield self._cut(unit)

    def _cut(self, seen: Tensor) -> Tensor:
        return seen.detach() if self.truncated else seen

    def _nets(self, u: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the net inputs: u (B, units) -> of the cells (B, b, S), of each gate (B, b)."""
        net = self.weights(u)
        net_c, net_gates = net[:, : self.cells], net[:, self.cells :]
        if self.cell_bias is not None:
            net_c = net_c + self.cell_bias
        if self.gate_bias is not None:
            net_gates = net_gates + self.gate_bias.flatten()
        of_each = net_gates.chunk(len(self.gates), -1)
        return net_c.unflatten(-1, self.block), dict(zip(self.gates, of_each, strict=True))

    def _peep(self, gate: str, s: Tensor) -> Tensor | float:
        """Return what a gate sees of the cells in its block: s (B, b, S) -> (B, b)."""
        if self.peepholes is None:
            return 0.0
        return (self.peepholes[self.gates.index(gate)] * self._cut(s)).sum(-1)

    def diagnostics(self, state: LSTM1997State) -> dict[str, Tensor]:
        """Return s, and the gates."""
        return {"cells": state.s.flatten(1), "gates": state.gates}

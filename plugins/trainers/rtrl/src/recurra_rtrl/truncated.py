"""The learning rule of the LSTM paper: truncated real-time recurrent learning, one sequence at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from recurra import Network, Task, Trainer

if TYPE_CHECKING:
    from recurra_rtrl.truncated_module import TruncatedRTRLModule


class TruncatedRTRL(Trainer):
    """The rule of the LSTM paper: gradient descent, one sequence at a time, by a compiled loop.

        e_k = f'(net_k) (t_k − y_k);  e_s = y_out h'(s) Σ_k w_k e_k
        e_out = f'(net_out) Σ_v h(s_v) Σ_k w_k,v e_k
        w += lr e times what w is multiplied by, for weights to outputs and to output gates
        w += lr e_s ∂ s / ∂ w, for weights to cells and to the other gates; ∂ s / ∂ w is carried forward

    Errors that reach the net input of a cell or a gate change the weights there and go no further back. The
    error is half the squared error, summed over outputs and scored steps; `lr` is the learning rate of the
    paper. The sequences of a batch are learned one after another, each from the initial state, so the size
    of a batch only says how often a run is logged and validated. With `update` = step the weights
    change at every scored step, with `sequence` at the end of each sequence.

    Works with one layer of memory cell blocks (`lstm-1997`), with forget gates and peepholes or without, a
    linear readout, and tasks whose loss is the squared error of logistic or of linear outputs. Computes in
    float64; the weights are rounded to the precision of the run after each batch. Needs a C compiler.
    Several processes do the same work.
    Cost per step: multiplications in the number of weights; inputs that are 0 cost nothing.
    Source: Hochreiter and Schmidhuber 1997, appendix A.1; forget gates: Gers, Schmidhuber and Cummins 2000.
    """

    contract_examples = "recurra_rtrl.contract:examples"
    contract_options = {"lr": 0.5}

    def __init__(
        self,
        *,
        lr: Annotated[float, Field(gt=0, description="learning rate, for the summed error")] = 0.1,
        momentum: Annotated[float, Field(ge=0, lt=1, description="fraction of the last change kept")] = 0.0,
        update: Annotated[
            Literal["step", "sequence"],
            Field(description="update the weights at every scored step, or once per sequence"),
        ] = "sequence",
    ) -> None:
        self.lr, self.momentum, self.update = lr, momentum, update

    def lightning_module(self, model: Network, task: Task, seed: int) -> TruncatedRTRLModule:
        """Return the Lightning module.

        Raises:
            IncompatibleParts: The model has no memory blocks, the loss is no squared error, batches of the
                task continue one another, or there is no C compiler.
        """
        from recurra_rtrl.truncated_module import TruncatedRTRLModule

        return TruncatedRTRLModule(
            model, task, seed, lr=self.lr, momentum=self.momentum, every_step=self.update == "step"
        )

"""Cells inside `torch.compile`: how they are compiled here, and what their graphs hold."""

import torch
from engine_compare import with_gradients
from torch import nn

from recurra import Tags
from recurra_engine.stand_in import tensors_of


def compiled(function, backend="eager", **how):
    """Return a function in one graph, and the counter of its compilations."""
    from torch._dynamo.testing import CompileCounterWithBackend  # which takes a second

    torch.compiler.reset()
    counter = CompileCounterWithBackend(backend)
    return torch.compile(function, backend=counter, fullgraph=True, **how), counter


def calls_in(counter):
    """Return how often the operator is called in the graph that was compiled last."""
    return sum("recurra.sequence" in str(node.target) for node in counter.graphs[-1].graph.nodes)


def same_as_eager(cell, run, x, state, **how):
    """Return the results of a compiled cell, and of the cell itself, beside their gradients."""
    got, want = run(x, state, **how), cell(x, state, **how)
    return [with_gradients(cell, x, state, *result) for result in (got, want)]


def operands(cell, x, state, lengths=None, resets=None, *, states=False, place=0):
    """Return the operator's arguments for a cell whose state is one tensor."""
    tensors = list(tensors_of(cell).values())
    needs = [tensor.requires_grad for tensor in (x, state, *tensors)]
    call = cell._transforms.number, x, [state], tensors, lengths, resets, states, needs
    return (*call, cell.output_size, x.dtype, None, place)


class Scaled(nn.Module):
    """Sets an attribute of its cell, and then calls it."""

    def __init__(self, cell, name, value):
        super().__init__()
        self.cell, self.name, self.value = cell, name, value

    def forward(self, x):
        setattr(self.cell, self.name, self.value(self))
        return self.cell(x)[0]


def noisy(kind):
    """Return a kind of cell whose steps drop numbers of the state."""

    class Noisy(kind):
        tags = Tags(stochastic=True)

        def step(self, x, state):
            y, after = super().step(x, state)
            return y, nn.functional.dropout(after, 0.5, self.training)

    return Noisy

"""What the engine offers to rules that carry gradients forward in time.

`forward_mode(cell, x, state, rule)` returns a `ForwardMode` for inputs like x (B, T, I), or the reason why
there is none. Its `run` returns a `ForwardRun` with y, without a graph; `learn` advances the influence of the
weights on the state over it and returns gradients.
"""

from recurra_engine.influence import ForwardMode as ForwardMode
from recurra_engine.influence import ForwardRule as ForwardRule
from recurra_engine.influence import ForwardRun as ForwardRun
from recurra_engine.influence import forward_mode as forward_mode

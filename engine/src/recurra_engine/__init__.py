"""The bundled engine: a cell's `step`, traced and compiled, runs a whole sequence.

    scan     the step traced once, its gradient derived; products moved out of the loop; any device
    native   the same, with the loop compiled from generated C; on a CPU with a C compiler
    device   the same, as Triton kernels between products by cuBLAS; on a CUDA device

The best level that a cell can have is chosen at its first call (`dispatch`), and must equal the loop of
`recurra.sequence`. Read in this order: `frontend.trace` (with `frontend.aten` and `ir.graph`),
`passes.partition`, `passes.vjp`, `passes.program`, `autograd`, `lower`, `cpu`, `cuda`. The pages in
docs/engine follow one cell through all stages.
"""

from recurra_engine.engine import ENGINE as ENGINE

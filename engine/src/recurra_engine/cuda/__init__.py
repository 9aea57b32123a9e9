"""The level for CUDA: products by cuBLAS, everything between them in generated Triton kernels.

A step's tasks (`native.layout`: where every value lies, and what puts it there) are sorted into stages around
its large products with shared weights; all other tasks of a stage are one kernel. A loop over T steps is then
T times a few launches, which a CUDA graph replays as one.

    stages     which task belongs to which kernel, and in what order
    places     the tensors: one for every storage of the layout
    emit       Triton for a kernel (with `write`, how values are read and stored, and `functions`)
    build      from source to a kernel that can be launched
    steps      the launches of a sequence
    graphs     the same launches captured, kept for sizes that repeat
    call       a backend's `run`

A loop without large products is one launch for the whole sequence: a program takes a row through all steps.
"""

from recurra_engine.cuda.call import BACKEND, unsupported_reason

__all__ = ["BACKEND", "unsupported_reason"]

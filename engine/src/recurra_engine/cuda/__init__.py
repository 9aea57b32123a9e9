"""The level for CUDA: cuBLAS computes large products, generated Triton kernels everything between them.

A step's tasks (`layout`: where values are stored and which task writes them) are assigned to stages around
its large products with shared weights; all other tasks of a stage form one kernel. A loop is then a few
launches per step, which a CUDA graph replays as one.

    layout        where the values of a loop are stored
    fusion        which task belongs to which kernel, and in what order
    buffers       the tensors of a run, one for each storage of the layout
    codegen       the Triton source of a kernel (with `addressing`, `elementwise`, `reductions`, `functions`)
    jit           from source to a kernel that can be launched
    program       a loop prepared for a GPU: its launches and buffers
    launch        the launches of a sequence
    cuda_graphs   the same launches, captured for sizes that repeat
    call          runs a loop; the interface of the level

A loop without large products is a single launch: each program computes all steps of one row.
"""

from recurra_engine.cuda.call import BACKEND, unsupported_reason

__all__ = ["BACKEND", "unsupported_reason"]

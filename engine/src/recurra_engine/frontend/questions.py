"""What a step asks of its tensors besides operations: numbers, hooks, and whether gradients are recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from recurra_engine.frontend.operators import listed, tensors_in
from recurra_engine.guards.witness import TORCH

_OF_EVERY_ROW = """
    __hash__ __len__ device dim dtype element_size get_device has_names is_complex is_conj is_contiguous
    is_cpu is_cuda is_floating_point is_inference is_meta is_neg is_nested is_quantized is_same_size
    is_signed is_sparse itemsize layout names nbytes ndim ndimension nelement numel shape size
    storage_offset stride type
"""
OF_EVERY_ROW = frozenset(_OF_EVERY_ROW.split())
"""Properties that are the same for all rows and steps."""
_VALUES = """
    __array__ __bool__ __complex__ __contains__ __float__ __format__ __index__ __int__ __repr__
    item numpy tolist
"""
VALUES = frozenset(_VALUES.split())
_EFFECTS = "__set__ backward register_hook register_post_accumulate_grad_hook requires_grad_ retain_grad"
EFFECTS = frozenset(_EFFECTS.split())
OF_GRADIENTS = frozenset(("_version", "grad", "grad_fn", "is_leaf", "requires_grad"))


class Questions(TorchFunctionMode):
    """Refuses questions that a later row or step might answer differently, and effects that no graph shows.

    Args:
        is_free: Says whether a tensor is of the step's own making and no input has a part in it.
        refuse: Is told the reason, and raises.
    """

    def __init__(self, is_free: Callable[[Tensor], bool], refuse: Callable[[str], None]) -> None:
        super().__init__()
        self.is_free, self.refuse = is_free, refuse

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = _name(func), kwargs or {}
        bound = [tensor for tensor in tensors_in([*args, *kwargs.values()]) if not self.is_free(tensor)]
        if bound:
            self._check(func.__name__, name)
        result = func(*args, **kwargs)
        makes_none = next(tensors_in(listed(result)), None) is None
        if bound and makes_none and name not in OF_EVERY_ROW | OF_GRADIENTS | {"__setitem__"}:
            self.refuse(f"the step reads a tensor by {name}, which an operation cannot stand for")
        return result

    def _check(self, kind: str, name: str) -> None:
        if name in VALUES:
            self.refuse(f"the step reads the numbers of a tensor ({name})")
        if kind in EFFECTS:
            self.refuse(f"the step {'calls' if kind == name else 'sets'} {name} of a tensor")
        if name in OF_GRADIENTS and kind == "__get__" and not _asked_by_torch():
            self.refuse(f"the step reads {name} of a tensor")


def _name(func: Any) -> str:
    # Attributes of a tensor arrive as the `__get__` of what describes them.
    name: str = getattr(func, "__name__", "")
    return getattr(func.__self__, "__name__", name) if name in ("__get__", "__set__") else name


def _asked_by_torch() -> bool:
    return sys._getframe(3).f_code.co_filename.startswith(TORCH)

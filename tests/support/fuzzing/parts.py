"""Constructs that need more than an expression: changes in place, convolutions, modules, own gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize

if TYPE_CHECKING:
    from fuzzing.writer import Writer

PREAMBLE = {
    "Cubed": """
class Cubed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a ** 3

    @staticmethod
    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return g * 3 * a ** 2
""",
    "Straight": """
class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        return torch.sign(a)

    @staticmethod
    def backward(ctx, g):
        return g
""",
    "Positive": """
class Positive(nn.Module):
    def forward(self, W):
        return F.softplus(W)
""",
    "Scaled": """
class Scaled(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.scale = nn.Parameter(torch.full((size,), 0.5))

    def forward(self, a):
        return torch.tanh(a * self.scale)
""",
    "straight_through": """
def straight_through(a):
    return a + (torch.round(a) - a).detach()
""",
}
"""What a text may define before its cell, by name."""


def namespace() -> dict[str, Any]:
    """Return the names that every text may use."""
    names: dict[str, Any] = {
        "torch": torch,
        "nn": torch.nn,
        "F": functional,
        "parametrizations": parametrizations,
        "parametrize": parametrize,
        "__name__": "drawn",
    }
    for text in PREAMBLE.values():
        exec(text, names)
    return names


# --- changes in place ---------------------------------------------------------------------------------------


def _changed(*lines: str) -> Callable[[Writer], str]:
    """Return a construct that clones a value and changes the clone."""

    def write(w: Writer) -> str:
        a = w.choice()
        o = w.choice(w.shape(a), but=a)
        given = {"o": o, "V": w.weight(w.shape(a)[-1])}
        return w.write(
            "", f"{a}.clone()", *(line.replace("@o", o).replace("@V", given["V"]) for line in lines)
        )

    return write


IN_PLACE = {
    "in place: mul and add": _changed("@t.mul_(@o).add_(0.5)"),
    "in place: tanh": _changed("@t.tanh_()"),
    "in place: a slice": _changed("@t[:, :1] = @o[:, :1] * 2"),
    "in place: the rest": _changed("@t[:, 1:] *= @o[:, 1:]"),
    "in place: zeros": _changed("@t[:, -1] = 0.0", "@t[:, :1].tanh_()"),
    "in place: a view": _changed("@t[..., :1].add_(@V[:1])", "@t.mul_(0.5)"),
    "in place: masked_fill": _changed("@t.masked_fill_(@o > 0, 0.3)"),
    "in place: copy": _changed("@t.copy_(torch.sin(@o))"),
    "in place: clamp and relu": _changed("@t.clamp_(-0.6, 0.8)", "@t.relu_()"),
    "in place: addcmul": _changed("@t.addcmul_(@o, @V, value=0.5)"),
    "in place: lerp": _changed("@t.lerp_(@o, 0.25)"),
    "in place: without a gradient": _changed("with torch.no_grad(): @t.clamp_(-0.5, 0.5)"),
}

# --- shapes that depend on one another ----------------------------------------------------------------------


def sections(w: Writer) -> str:
    """Write a split of a row into parts of several sizes, some of which are used."""
    r = w.choice(1)
    size = w.shape(r)[0]
    first = w.random.randint(0, size)
    return w.write("", f"torch.cat({r}.split([{first}, {size - first}], -1)[::-1], -1)")


def gates(w: Writer) -> str:
    """Write a layer of gates and what they gate."""
    r, h = w.choice(1), w.choice(1)
    n = w.shape(h)[0]
    a = f"({r} @ {w.weight(w.shape(r)[0], 3 * n)} + {h} @ {w.weight(n, 3 * n)}).chunk(3, -1)"
    name = w.write("", f"torch.stack({a}, 0)[0] * {h}")
    return w.write("", f"torch.sigmoid({name}) * {h} + (1 - torch.sigmoid({name})) * torch.tanh({name})")


def matrix(w: Writer) -> str:
    """Write a row as a matrix."""
    r = w.choice(1)
    n = w.shape(r)[0]
    rows = w.random.choice([d for d in range(1, n + 1) if n % d == 0])
    rest = w.random.choice(("-1", f"{r}.shape[0]"))
    return w.write("", f"{r}.reshape({rest}, {rows}, {n // rows})")


def conv1d(w: Writer) -> str:
    """Write a convolution over the last dimension of a matrix."""
    m = w.choice(2)
    channels, size = w.shape(m)[0], w.random.randint(1, min(3, w.shape(m)[1]))
    stride, padding = w.random.choice((1, 2)), w.random.choice((0, 1))
    groups = w.random.choice((1, channels))
    W = w.weight(channels * w.random.choice((1, 2)), channels // groups, size)
    return w.write("", f"F.conv1d({m}, {W}, stride={stride}, padding={padding}, groups={groups}, dilation=1)")


def conv2d(w: Writer) -> str:
    """Write a convolution over both dimensions of a matrix."""
    m, W = w.choice(2), w.weight(2, 1, 2, 2)
    return w.write("", f"F.conv2d({m}.unsqueeze(1), {W}, padding=1).flatten(2)")


def python(w: Writer) -> str:
    """Write a loop of Python's."""
    a = w.choice()
    o = w.choice(w.shape(a), but=a)
    return w.write("", f"{a} * 1.0", f"for _ in range(2): @t = torch.sin(@t + {o})")


# --- modules ------------------------------------------------------------------------------------------------


def _module(text: str, call: str = "{m}({r})", size: int = 1) -> Callable[[Writer], str]:
    """Return a construct that calls a module whose text may read `n`, the size of the row `r`."""

    def write(w: Writer) -> str:
        r = w.choice(size)
        own = w.shape(r)
        s = w.choice(own, but=r)
        for name in PREAMBLE:
            if name in text:
                w.define(name)
        m = w.module(text.format(n=own[-1], k=w.random.choice((1, 3, 4, 17))))
        return w.write("", call.format(m=m, r=r, s=s))

    return write


def _of(how: str) -> Callable[[Writer], str]:
    return _module(f"parametrizations.{how.format('nn.Linear({n}, {n})')}")


MODULES = {
    "Linear": _module("nn.Linear({n}, {k})"),
    "Linear without bias": _module("nn.Linear({n}, {k}, bias=False)"),
    "Linear of a matrix": _module("nn.Linear({n}, {k})", size=2),
    "Linear twice": _module("nn.Linear({n}, {n})", "{m}(torch.tanh({m}({r}))) + {m}.weight[0]"),
    "Bilinear": _module("nn.Bilinear({n}, {n}, {k})", "{m}({r}, {s})"),
    "LayerNorm": _module("nn.LayerNorm({n})"),
    "LayerNorm of a matrix": _module("nn.LayerNorm({n}, eps=0.01)", size=2),
    "RMSNorm": _module("nn.RMSNorm({n}, eps=0.01)"),
    "GroupNorm": _module("nn.GroupNorm(1, {n}, eps=0.01)"),
    "BatchNorm1d for evaluation": _module("nn.BatchNorm1d({n}).eval()"),
    "PReLU": _module("nn.PReLU()"),
    "Sequential": _module("nn.Sequential(nn.Linear({n}, {k}), nn.Tanh(), nn.Linear({k}, {n}))"),
    "ModuleList": _module("nn.ModuleList([nn.Linear({n}, {k})] * 2)", "{m}[0]({r}) * {m}[1]({s})"),
    "ParameterList": _module("nn.ParameterList([torch.randn({n})] * 2)", "{r} * {m}[0] + {m}[1]"),
    "module of one's own": _module("Scaled({n})"),
    "Conv1d": _module("nn.Conv1d(1, 2, 3, padding=1)", "{m}({r}[:, None])"),
    "MultiheadAttention": _module(
        "nn.MultiheadAttention({n}, 1, batch_first=True)", "{m}({r}, {s}, {r}, need_weights=False)[0]", 2
    ),
    "GRUCell": _module("nn.GRUCell({n}, {n})", "{m}({r}, {s})"),
    "LSTMCell": _module("nn.LSTMCell({n}, {n})", "torch.cat({m}({r}, ({s}, {r})), -1)"),
    "RNNCell": _module("nn.RNNCell({n}, {k})", "{m}({r})"),
}
PARAMETRIZED = {
    "orthogonal": _of("orthogonal({}, orthogonal_map='matrix_exp')"),
    "orthogonal by householder": _of("orthogonal({}, orthogonal_map='householder')"),
    "orthogonal by cayley": _of("orthogonal({}, orthogonal_map='cayley')"),
    "weight_norm": _of("weight_norm({})"),
    "spectral_norm": _module("parametrizations.spectral_norm(nn.Linear({n}, {n})).eval()"),
    "a parametrization of one's own": _module(
        "(lambda m: parametrize.register_parametrization(m, 'weight', Positive()))(nn.Linear({n}, {n}))"
    ),
}


def _own(name: str, call: str) -> Callable[[Writer], str]:
    def write(w: Writer) -> str:
        return w.write("", f"{w.define(name)}{call}({w.choice()})")

    return write


GRADIENTS_OF_ITS_OWN = {
    "autograd.Function": _own("Cubed", ".apply"),
    "autograd.Function that is straight-through": _own("Straight", ".apply"),
    "straight-through": _own("straight_through", ""),
}
SHAPES = {
    "split_with_sizes": sections,
    "gates of a layer": gates,
    "matrix from a row": matrix,
    "conv1d": conv1d,
    "conv2d": conv2d,
    "loop of Python": python,
}
WRITERS: dict[str, dict[str, Callable[[Writer], str]]] = {
    "in place": IN_PLACE,
    "shapes": SHAPES,
    "modules": MODULES,
    "parametrizations": PARAMETRIZED,
    "own gradients": GRADIENTS_OF_ITS_OWN,
}

"""Constructs that are one expression. Letters in braces are drawn by `writer.Drawn`.

a, o, b    a value; one of its shape; one that broadcasts with it, a weight or a number
r, s       a row (B, N), and one of its size; m, n: a matrix (B, M, N), and one of its shape
d, e       a dimension of a, of m; k: whether it is kept
c, p       a number; a positive number
V, W, S    weights: one for each last element of a; (N, K) and (N, N) for a row r
"""

ACTIVATIONS = {
    **{f: f"torch.{f}({{a}})" for f in ["sigmoid", "tanh", "relu", "exp"]},
    **{
        f: f"F.{f}({{a}})"
        for f in ["silu", "softplus", "logsigmoid", "softsign", "gelu", "mish", "tanhshrink", "leaky_relu"]
    },
    "glu": "F.glu(torch.cat([{a}, {o}], -1), -1)",
    "gelu of tanh": "F.gelu({a}, approximate='tanh')",
    "softplus with beta": "F.softplus({a}, {p}, {p})",
    "prelu": "F.prelu({r}, {V})",
    "threshold": "F.threshold({a}, {c}, {c})",
    "softmax": "torch.softmax({a}, {d})",
    "log_softmax": "torch.log_softmax({a}, {d})",
    "leaky_relu with a slope": "F.leaky_relu({a}, {p})",
}
ELEMENTWISE = {
    **{
        f: f"torch.{f}({{a}})"
        for f in (
            [
                "erf",
                "erfc",
                "sin",
                "cos",
                "atan",
                "asinh",
                "sinc",
                "sign",
                "floor",
                "ceil",
                "round",
                "trunc",
                "frac",
                "abs",
                "neg",
                "square",
                "expm1",
            ]
        )
    },
    **{f: f"torch.{f}({{a}}, {{b}})" for f in ["maximum", "minimum", "atan2", "logaddexp", "hypot"]},
    "plus": "{a} + {b}",
    "minus": "{a} - {b}",
    "times": "{a} * {b}",
    "scaled": "{c} * {a}",
    "zero times": "0.0 * {a} + {b}",
    "add with alpha": "torch.add({a}, {o}, alpha={c})",
    "rsub": "torch.rsub({a}, {o}, alpha={c})",
    "power of a number": "{p} ** {a}",
    "squares and cubes": "{a} ** 2 + {a} ** 3",
    "xlogy": "torch.xlogy({a}, {b} * {b} + 0.1)",
    "where": "torch.where({a} > {b}, {a}, {c} * {a})",
    "where of two": "torch.where({o} < {c}, {a}, {b} * 2.0)",
    "clamp": "{a}.clamp(-{p}, {p})",
    "clamp between tensors": "{a}.clamp({b} - 1, {b} + 0.5)",
    "clamp one side": "torch.clamp_min({a}, {c}) + {o}.clamp(max={c})",
    "lerp": "torch.lerp({a}, {o}, {c})",
    "lerp by a tensor": "torch.lerp({a}, {o}, torch.sigmoid({b} * {a}))",
    "addcmul": "torch.addcmul({a}, {o}, {V}, value={c})",
    "addcdiv": "torch.addcdiv({a}, {o}, {b} * {b} + 1, value={c})",
    "nan_to_num": "torch.nan_to_num({a}, {c}, {c}, {c})",
    "heaviside": "torch.heaviside({a}.detach(), {o}.detach()) * {b}",
    "isinf and isnan": "{a}.masked_fill(torch.isinf({o}) | torch.isnan({a}), 0.5)",
    "floor division": "torch.div({a}, {p}, rounding_mode='floor') + {a}",
    "trunc division": "torch.div({a}, {p}, rounding_mode='trunc') * {b}",
    "comparison as a number": "{a} * ({o} > {c}) + {o} * ({a} <= {b}).to({a}.dtype)",
    "masked_fill": "{a}.masked_fill({o} > {c}, {c})",
    "logical": "{a} * torch.logical_and({a} > 0, {o} < {c}) + {o} * torch.logical_or({a} > {c}, ~({o} > 0))",
    "detach": "{a}.detach() * {b} + {a}",
    "tan": "torch.tan({a} * 0.3)",
    "hyperbolic": "torch.sinh({a} * 0.5) + torch.cosh({o} * 0.5)",
    "exp2": "torch.exp2({a})",
    "without a gradient": "{a} * torch.relu({o}).detach() + ({b} - {a}).detach()",
}
GUARDED = {
    "over": ("{a} / ({b} * {b} + 0.5)", "{a} / {b}"),
    "reciprocal": ("torch.reciprocal({a}.abs() + 0.5)", "torch.reciprocal({a})"),
    "log": ("torch.log({a}.abs() + 0.1)", "torch.log({a})"),
    "log1p": ("torch.log1p({a} * {a})", "torch.log1p({a})"),
    "log2 and log10": ("torch.log2({a} * {a} + 1) + torch.log10({b} * {b} + 1)", "torch.log2({a})"),
    "sqrt": ("torch.sqrt({a} * {a} + 0.1)", "torch.sqrt({a})"),
    "rsqrt": ("torch.rsqrt({a} * {a} + 0.1)", "torch.rsqrt({a})"),
    "power": ("({a} * {a} + 0.1) ** torch.tanh({b} * {a})", "{a} ** {b}"),
    "power with a number": ("({a} * {a} + 0.1) ** {c}", "{a} ** {c}"),
    "zero to a power": ("{a}.relu() ** {p}", "({a} * 0) ** {o}"),
    "arcsine": ("torch.asin(torch.tanh({a}) * 0.9) + torch.acos(torch.sin({o}) * 0.9)", "torch.asin({a})"),
    "artanh": ("torch.atanh(torch.tanh({a}) * 0.9) + torch.acosh({o} * {o} + 1.5)", "torch.atanh({a})"),
    "logit": ("torch.logit(torch.sigmoid({a}))", "torch.logit({a})"),
    "remainder": ("torch.remainder({a}, {p})", "torch.remainder({a}, {b})"),
    "fmod": ("torch.fmod({a}, {p})", "torch.fmod({a}, {b})"),
    "elu": ("F.elu({a}, {p}) + F.celu({o}, {p})", "F.elu({a}.nan_to_num(0.0), {p})"),
    **{
        f: (f"F.{f}({{a}})", f"F.{f}({{a}}.nan_to_num(0.0))")
        for f in ["relu6", "hardtanh", "hardsigmoid", "hardswish", "softshrink", "hardshrink"]
    },
    "hardtanh between numbers": ("F.hardtanh({a}, -{p}, {p})", "F.hardtanh({a}.nan_to_num(0.0), -{p}, {p})"),
    "selu": ("F.selu({a})", "F.selu({a}.nan_to_num(0.0))"),
}
"""The first is for numbers, the second where NaN and infinities are wanted.

Torch's slope of a NaN in what has corners depends on where in memory the NaN is: whether the part of the
kernel for vectors meets it, or the rest.
"""

REDUCTIONS = {
    **{
        f: f"torch.{f}({{a}}, {{d}}, keepdim={{k}})"
        for f in ["sum", "mean", "amax", "amin", "prod", "logsumexp"]
    },
    "var": "torch.var({a}, {d}, correction={i}, keepdim={k})",
    "std": "torch.std({a} + {V}, {d}, keepdim={k})",
    "var_mean": "torch.cat(torch.var_mean({m}, {e}), -1)",
    "std_mean": "torch.cat(torch.std_mean({r}, -1, keepdim=True), -1)",
    "max": "torch.max({a}, {d}, keepdim={k})[0]",
    "min": "{a}.min({d}, keepdim={k}).values",
    "aminmax": "torch.cat(torch.aminmax({m}, dim={e}), -1)",
    "max of two dims": "{m}.amax((1, 2), keepdim=True) - {n}.amin(({e},), keepdim=True)",
    "sum of two dims": "{m}.sum((1, 2), keepdim=True) + {n}.mean((-1, 1), keepdim=True)",
    "largest of equals": "({a} > {c}).to({a}.dtype).mul({b}).amax({d}, keepdim={k})",
    "norm": "{a}.norm(dim={d}, keepdim={k})",
    "normalize": "F.normalize({a}, dim={d})",
    "norm of order 1": "torch.linalg.vector_norm({a}, 1, {d}, {k})",
    "norm of another order": "torch.linalg.vector_norm({a}, 3, {d}, {k})",
    "norm of order inf": "torch.linalg.vector_norm({a}, torch.inf, {d}, {k})",
    "cosine_similarity": "F.cosine_similarity({m}, {n}, {e})",
    "cdist": "torch.cdist({m}, {n} + 0.3)",
    "any and all": "{r} * ({s} > {c}).any(-1, keepdim=True) + {s} * ({r} > {c}).all(-1, keepdim=True)",
    "argmax": "{a}.argmax({d}, keepdim=True) * {b}",
    "argmin": "{a}.argmin({d}, keepdim=True) + {a}",
    "median": "torch.median({a}, {d}, keepdim={k}).values",
    "layer_norm": "F.layer_norm({a}, {a}.shape[-1:], {V}, None, 0.01)",
    "layer_norm of more": "F.layer_norm({m}, {m}.shape[1:], eps=0.1)",
}
SCANS = {
    "cumsum": "{a}.cumsum({d})",
    "cumprod": "{a}.cumprod({d})",
    "logcumsumexp": "{a}.logcumsumexp({d})",
    "cummax": "{a}.cummax({d}).values",
    "cummin": "{a}.cummin({d}).values",
    "sort": "{a}.sort({d}, descending={k}).values",
    "argsort": "{r}.gather(1, {s}.argsort(-1))",
    "sorted places": "{a} + {a}.argsort({d})",
    "topk": "{r}.topk(min(2, {r}.shape[1]), -1).values + {c}",
    "topk places": "torch.zeros_like({r}).scatter(1, {r}.topk(1, -1).indices, {s}[:, :1])",
    "one_hot": "F.one_hot({r}.argmax(-1), {r}.shape[1]) * {s}",
    "kthvalue": "{r}.kthvalue(1, -1).values[:, None] * {s}",
    "diff": "torch.diff(torch.cat([{r}, {s}], 1))",
}
MOVEMENT = {
    "cat": "torch.cat([{r}, {q}], -1)",
    "cat of three": "torch.cat([{r}, {c} * {q}, {s}], -1)",
    "stack": "torch.stack([{a}, {o}, {a}], {d}).sum({d})",
    "stack to a matrix": "torch.stack([{r}, {s}], -1)",
    "matrix of a row": "{r}.unsqueeze({u}) * {V}",
    "flatten": "{m}.flatten(1)",
    "reshape": "{m}.reshape({m}.shape[0], -1)",
    "transpose": "{m}.transpose(1, 2)",
    "permute": "{m}.permute(0, 2, 1).contiguous()",
    "mT": "{m}.mT + {c}",
    "chunk": "torch.cat({r}.chunk(2, -1)[::-1], -1)",
    "gates": "torch.sigmoid(({r} @ {G}).chunk(2, -1)[0]) * torch.tanh(({r} @ {G}).chunk(2, -1)[1])",
    "unbind": "sum({m}.unbind({e}))",
    "repeat": "{r}.repeat(1, 2)",
    "repeat_interleave": "{r}.repeat_interleave(2, -1)",
    "expand": "{r}[:, None].expand(-1, 2, -1) * {V}",
    "roll": "{a}.roll({i}, {d})",
    "flip": "{a}.flip({d})",
    "pad": "F.pad({a}, (1, {i}))",
    "pad with a number": "F.pad({a}, ({i}, 1), value={c})",
    "pad around": "F.pad({m}, (1, 1), mode='circular')",
    "pad by reflection": "F.pad({m}, (1, 1), mode='reflect')",
    "diagonal": "({r}[:, :, None] * {s}[:, None]).diagonal(0, 1, 2)",
    "diag_embed": "torch.diag_embed({r})",
    "triangle of a row": "({r}[:, :, None] * {s}[:, None]).tril()",
    "squeeze": "{a}.unsqueeze(-1).squeeze(-1)",
    "tile": "torch.tile({r}, (1, 2)) * {c}",
    "movedim": "{m}.movedim(1, 2)",
}
PARTS_OF = {
    "slice": "{r}[:, {i}:]",
    "slice from the end": "{r}[:, -2:]",
    "strided slice": "{a}[:, ::2]",
    "narrow": "{r}.narrow(1, 0, 1)",
    "select": "{r}[:, -1, None] * {V}",
    "select of a matrix": "{m}[:, 0] + {m}[:, -1]",
    "split": "{r}.split(1, -1)[0] * {V}",
    "unfold": "{r}.unfold(1, 2, 1).sum(-1)",
    "index": "{r}[:, {I}]",
    "index_select": "{r}.index_select(1, torch.tensor({I}))",
    "gather at constant places": "{r}.gather(1, torch.tensor([{I}]).expand({r}.shape[0], -1))",
    "gather at places of its own": "{r}.gather(1, {s}.argmax(-1, keepdim=True)) * {V}",
    "index of a mask": "{r}[:, torch.arange({r}.shape[1]) % 2 == 0]",
    "index_add": "{r}.index_add(1, torch.tensor([0, 0]), {s}[:, :1].repeat(1, 2))",
    "scatter": "{r}.scatter(1, torch.zeros({r}.shape[0], 1, dtype=torch.long), {s}[:, :1])",
    "index_put": "{r}.index_put((torch.arange({r}.shape[0])[:, None], torch.tensor([[0]])), {s}[:, :1])",
    "pad to less": "F.pad({r}, (-1, 0))",
    "take_along_dim": "torch.take_along_dim({r}, {s}.argsort(-1), 1)",
}
"""What takes part of a value: autograd fills up its gradient with zeros, which it multiplies by slopes."""

PRODUCTS = {
    "product with a weight": "{r} @ {W}",
    "linear": "F.linear({r}, {W}.t())",
    "linear with a bias": "F.linear({r}, {S}, {V})",
    "product of a joined row": "torch.cat([{r}, {q}], -1) @ {J}",
    "product with a square": "torch.tanh({r} @ {S}) @ {S}.t()",
    "matrix with a weight": "{m} @ {X}",
    "weight with a matrix": "{Y} @ {m}",
    "bmm": "torch.bmm({m}, {n}.mT)",
    "matmul": "{m}.mT @ {n}",
    "matrix with a row": "({m} @ {t}[..., None]).squeeze(-1)",
    "einsum": "torch.einsum('bi,ij,bj->bi', {r}, {S}, {s})",
    "einsum of matrices": "torch.einsum('bij,bik->bjk', {m}, {n})",
    "einsum with a weight": "torch.einsum('bij,jk->bik', {m}, {X})",
    "outer product": "{r}[:, :, None] * {s}[:, None]",
    "quadratic": "torch.einsum('bi,ij,bj->b', {r}, {S}, {s})[:, None]",
    "low rank": "({r} @ {S}[:, :1]) @ {S}[:1]",
    "masked weight": "{r} @ ({S} * torch.ones_like({S}).tril())",
    "addmm": "torch.addmm({s}, {r}, {S}, beta={c}, alpha={c})",
    "baddbmm": "torch.baddbmm({m} @ {n}.mT, {m}, {n}.mT, beta={c}, alpha={c})",
    "frozen product": "{r} @ {S}.detach() + {s}",
    "bilinear": "F.bilinear({r}, {s}, {S}[None])",
    "attention": "F.scaled_dot_product_attention({m}, {n}, {m})",
    "attention with a mask": "F.scaled_dot_product_attention({m}, {m}, {n}, is_causal=True)",
    "content addressing": ("(torch.softmax(({m} * {t}[:, None]).sum(-1), -1)[:, None] @ {m}).squeeze(1)"),
    "written memory": "{m} * (1 - torch.sigmoid({t})[:, None]) + torch.tanh({t})[:, None] * {c}",
    "avg_pool1d": "F.avg_pool1d({m}, 2, 1)",
    "max_pool1d": "F.max_pool1d({m}, 2, 1)",
    "inverse of a row's matrix": (
        "torch.linalg.inv({m} @ {m}.mT + 9 * torch.eye({m}.shape[1], dtype={m}.dtype))"
    ),
    "complex numbers": "torch.view_as_real(torch.complex({r}, {s}) * torch.exp(1j * {s})).flatten(1)",
    "absolute of complex": "torch.complex({r}, {s} + 2).abs()",
    "fft": "torch.fft.irfft(torch.fft.rfft({r}) * torch.fft.rfft({s}), {r}.shape[1])",
}
OF_WEIGHTS = {
    "transpose of a weight": "{r} @ ({S} - {S}.T)",
    "triu of a weight": "{r} @ {S}.triu(1) + {s} @ {S}.tril()",
    "inverse of a weight": "{r} @ torch.linalg.inv({S} @ {S}.T + torch.eye(len({S}), dtype={S}.dtype))",
    "matrix_exp": "{r} @ torch.linalg.matrix_exp({S} - {S}.T)",
    "softmax of a weight": "{r} @ {W}.softmax(-1)",
    "norm of a weight": "{r} @ ({W} / {W}.norm()) + {W}.norm(dim=1).mean()",
    "sort of a weight": "{V}.sort().values * {a}",
    "cumsum of a weight": "{r} @ {W}.cumsum(0)",
    "svd of a weight": "torch.linalg.svdvals({S} + torch.eye(len({S}), dtype={S}.dtype))[:1] * {r}",
    "weights joined": "{r} @ torch.cat([{W}, {S}], 1)",
    "weights selected": "{a} * {V}[-1] + {V}[:1]",
}
FAMILIES = {
    "activations": ACTIVATIONS,
    "elementwise": ELEMENTWISE,
    "guarded": GUARDED,
    "reductions": REDUCTIONS,
    "scans and orders": SCANS,
    "movement": MOVEMENT,
    "parts": PARTS_OF,
    "products": PRODUCTS,
    "weights alone": OF_WEIGHTS,
}

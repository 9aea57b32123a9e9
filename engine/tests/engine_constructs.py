"""What people write in a step, one small cell for each construct: the coverage of the engine as a table.

Every construct is a function of a row of x, a row of the state and either a matrix or a module.
"""

from functools import partial

import torch
from engine_operators import WIDTH, changed, cube, flat
from engine_toys import Toy
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize

ORDER = [3, 0, 5, 1, 4, 2]


def symmetric(W):
    return W + W.T


def positive(W):
    return W @ W.T + torch.eye(WIDTH, dtype=W.dtype)


def complex_of(a):
    """Return three complex numbers of a row of six."""
    return torch.view_as_complex(a.view(-1, 3, 2))


def assigned(a, b):
    made = a.clone()
    made[:, :2] = b[:, 2:4]
    made[:, -1] = 0
    made[:, 2:4] *= 2
    made[:, 4:5].zero_()
    return made


def branched(a, b, W):
    return a if float(b.detach().sum()) > 0 else -a


def named(module, names, call=lambda f, a, b: f(a)):
    """Return the functions that torch has under these names, of a row of x and a row of the state."""
    return {name: partial(_called, call, getattr(module, name)) for name in names.split()}


def _called(call, function, a, b, W):
    return call(function, a, b)


ACTIVATIONS = {
    **named(torch, "sigmoid tanh relu exp"),
    **named(F, "silu softplus logsigmoid softsign relu6 hardtanh gelu elu selu celu mish hardsigmoid"),
    **named(F, "hardswish softshrink hardshrink tanhshrink glu"),
    "leaky_relu": lambda a, b, W: F.leaky_relu(a, 0.2),
    "gelu of tanh": lambda a, b, W: F.gelu(a, approximate="tanh"),
    "softplus with beta": lambda a, b, W: F.softplus(a, 2.0, 1.0),
    "prelu": lambda a, b, W: F.prelu(a, W[0]),
    "threshold": lambda a, b, W: F.threshold(a, 0.1, 0.5),
    "softmax": lambda a, b, W: torch.softmax(a, -1),
    "log_softmax": lambda a, b, W: torch.log_softmax(a, -1),
}
ELEMENTWISE = {
    **named(
        torch, "erf erfc sin cos tan atan sinh cosh asinh exp2 sinc sign floor ceil round trunc frac abs"
    ),
    **named(torch, "maximum minimum atan2 logaddexp hypot remainder fmod", lambda f, a, b: f(a, b)),
    "square": lambda a, b, W: torch.square(a) + a**2,
    "xlogy": lambda a, b, W: torch.xlogy(a, b * b + 0.1),
    "arcsine": lambda a, b, W: torch.asin(torch.tanh(a)) + torch.acos(torch.tanh(b)),
    "artanh": lambda a, b, W: torch.atanh(torch.tanh(a) / 2) + torch.acosh(a * a + 2),
    "logarithms": lambda a, b, W: (
        torch.log2(a * a + 1) + torch.log10(b * b + 1) + torch.logit(W[0] * 0 + 0.3)
    ),
    "roots": lambda a, b, W: torch.sqrt(a * a + 1) + torch.rsqrt(b * b + 1) + (a * a + 1) ** 0.3,
    "where": lambda a, b, W: torch.where(a > b, a, b * 2),
    "clamp": lambda a, b, W: a.clamp(-0.5, 0.5) + a.clamp(b - 1, b + 1),
    "lerp": lambda a, b, W: torch.lerp(a, b, 0.3) + torch.lerp(a, b, torch.sigmoid(a)),
    "addcmul": lambda a, b, W: torch.addcmul(a, a, b, value=2),
    "addcdiv": lambda a, b, W: torch.addcdiv(a, b, a * a + 1, value=0.5),
    "nan_to_num": lambda a, b, W: torch.nan_to_num(torch.where(a > 0, torch.nan, a), 0.5) + b.nan_to_num(),
    "heaviside": lambda a, b, W: torch.heaviside(a.detach(), b.detach()) * b,
    "isinf and isnan": lambda a, b, W: a.masked_fill(torch.isinf(a / 0.0) & ~torch.isnan(b), 0.5),
    "floor division": lambda a, b, W: torch.div(a, b, rounding_mode="floor") + a.detach() // 0.7,
    "comparison as a number": lambda a, b, W: a * (a > b) + b * (a > 0).float().to(b.dtype),
    "masked_fill": lambda a, b, W: a.masked_fill(b > 0, -1.0),
}
REDUCTIONS = {
    **named(torch, "sum mean amax amin std var prod logsumexp", lambda f, a, b: f(a, -1, keepdim=True)),
    **named(torch, "max min median", lambda f, a, b: f(cube(a), 1)[0] + f(b, -1, keepdim=True).values),
    "aminmax": lambda a, b, W: torch.cat(torch.aminmax(cube(a), dim=1), -1),
    "largest of all": lambda a, b, W: torch.stack([row.max() - row.min() for row in W]) * a,
    "norm": lambda a, b, W: a.norm(dim=-1, keepdim=True) + F.normalize(b),
    "norms of other orders": lambda a, b, W: (
        cube(a).norm(p=1, dim=1) + cube(b).norm(p=torch.inf, dim=1) + cube(a).norm(p=3, dim=1)
    ),
    "cosine_similarity": lambda a, b, W: F.cosine_similarity(cube(a), cube(b), -1),
    "cdist": lambda a, b, W: flat(torch.cdist(cube(a), cube(b))),
    "argmin": lambda a, b, W: a.argmin(-1, keepdim=True) + cube(b).argmin(1),
    "var_mean": lambda a, b, W: torch.cat(
        torch.var_mean(cube(a), 1) + torch.std_mean(b, -1, keepdim=True), -1
    ),
    "any and all": lambda a, b, W: a * (b > 0).any(-1, keepdim=True) + b * (a > -2).all(-1, keepdim=True),
    "argmax": lambda a, b, W: a.argmax(-1, keepdim=True) * b,
    "cumsum": lambda a, b, W: a.cumsum(-1) + flat(cube(b).cumsum(1)),
    "cumprod": lambda a, b, W: a.cumprod(-1) + flat(cube(b).cumprod(2)),
    "logcumsumexp": lambda a, b, W: a.logcumsumexp(-1),
    "cummax": lambda a, b, W: a.cummax(-1).values,
    "sort": lambda a, b, W: a.sort(-1).values + b.sort(-1, descending=True).values,
    "sorted by another": lambda a, b, W: a.gather(1, b.argsort(-1)),
    "topk": lambda a, b, W: a.topk(2, -1).values + b.topk(2, -1).values,
}
MOVEMENT = {
    "split": lambda a, b, W: a.split(2, -1)[1] * b.chunk(3, -1)[0],
    "cat": lambda a, b, W: torch.cat([a, b * 2], -1),
    "stack": lambda a, b, W: torch.stack([a, b], 1).sum(1),
    "gather at constant places": lambda a, b, W: a.gather(1, torch.tensor([ORDER]).expand(a.shape[0], -1)),
    "index": lambda a, b, W: a[:, ORDER] + b[:, [0, 0, 1, 1, 2, 2]],
    "index_select": lambda a, b, W: a.index_select(1, torch.tensor(ORDER)),
    "index of a mask": lambda a, b, W: a[:, torch.tensor([True, False, True, True, False, False])],
    "index_add": lambda a, b, W: a.index_add(1, torch.tensor([0, 0, 4]), b[:, :3]),
    "scatter": lambda a, b, W: a.scatter(1, torch.tensor([[1, 3]]).expand(a.shape[0], -1), b[:, :2]),
    "repeat": lambda a, b, W: a.repeat(1, 2) + torch.tile(b, (1, 2)),
    "repeat_interleave": lambda a, b, W: a.repeat_interleave(2, -1),
    "expand": lambda a, b, W: flat(a[:, None].expand(-1, 2, -1) * b[:, None]),
    "roll": lambda a, b, W: a.roll(1, -1) + torch.cat([b[:, 2:], b[:, :2]], -1),
    "flip": lambda a, b, W: a.flip(-1),
    "pad": lambda a, b, W: F.pad(a, (1, 2)) + F.pad(b, (2, 1), value=0.5),
    "pad around": lambda a, b, W: flat(F.pad(cube(a), (1, 1), mode="circular")),
    "unfold": lambda a, b, W: flat(a.unfold(1, 3, 1)),
    "diagonal": lambda a, b, W: torch.cat(
        [flat(torch.diag_embed(a)), (a[:, :, None] * b[:, None]).diagonal(0, 1, 2)], -1
    ),
    "triangle of a row": lambda a, b, W: flat((a[:, :, None] * b[:, None]).tril()),
    "slice assignment": lambda a, b, W: assigned(a, b),
    "in place on a clone": lambda a, b, W: changed(a, lambda made: made.mul_(b).add_(1)),
    "in place on a part": lambda a, b, W: changed(a, lambda made: made[:, 3:].tanh_()),
}
PRODUCTS = {
    "einsum": lambda a, b, W: torch.einsum("bi,ij,bj->bi", a, W, b),
    "outer product": lambda a, b, W: flat(a[:, :, None] * b[:, None]),
    "low rank": lambda a, b, W: (b @ W[:, :2]) @ W[:2],
    "block diagonal": lambda a, b, W: flat(torch.einsum("bzk,zkj->bzj", cube(b), W[:, :3].reshape(2, 3, 3))),
    "masked weights": lambda a, b, W: b @ (W * torch.ones(6, 6).tril().to(W)),
    "bilinear": lambda a, b, W: F.bilinear(a[:, :2], b[:, :3], W.reshape(6, 2, 3), W[0]),
    "scaled_dot_product_attention": lambda a, b, W: flat(
        F.scaled_dot_product_attention(*(c.view(-1, 1, 3, 2) for c in (a, b, a * b)))
    ),
    "conv1d": lambda a, b, W: flat(F.conv1d(cube(a), W.reshape(6, 2, 3), W[0], padding=1)),
    "strided conv1d of groups": lambda a, b, W: flat(
        F.conv1d(cube(b), W[:, :2].reshape(6, 1, 2), stride=2, groups=2, padding=1)
    ),
    "conv2d": lambda a, b, W: flat(F.conv2d(a.view(-1, 1, 2, 3), W.reshape(4, 1, 3, 3), padding=1)),
    "avg_pool1d": lambda a, b, W: flat(F.avg_pool1d(cube(a), 3, 1, 1)),
    "max_pool1d": lambda a, b, W: flat(F.max_pool1d(cube(a), 2, 1)),
    "inverse of a row's matrix": lambda a, b, W: flat(
        torch.linalg.inv(cube(a) @ cube(b).mT + 9 * torch.eye(2).to(a))
    ),
    "complex numbers": lambda a, b, W: flat(torch.view_as_real(complex_of(a) * torch.exp(complex_of(b)))),
    "fft": lambda a, b, W: torch.fft.irfft(torch.fft.rfft(a) * torch.fft.rfft(b), 6),
}
OF_WEIGHTS = {
    "transpose of a weight": lambda a, b, W: b @ (W - W.T),
    "triu of a weight": lambda a, b, W: b @ W.triu(1) + a @ W.tril(),
    "inverse of a weight": lambda a, b, W: b @ torch.linalg.inv(positive(W)),
    "solve with a weight": lambda a, b, W: torch.linalg.solve(positive(W), W, left=False)[0] * b,
    "cholesky of a weight": lambda a, b, W: b @ torch.linalg.cholesky(positive(W)),
    "eigenvalues of a weight": lambda a, b, W: torch.linalg.eigvalsh(symmetric(W)) * b,
    "singular values of a weight": lambda a, b, W: torch.linalg.svdvals(W) * b,
    "qr of a weight": lambda a, b, W: b @ torch.linalg.qr(W)[0],
    "determinant of a weight": lambda a, b, W: torch.linalg.det(W) * b + torch.logdet(positive(W)) * a,
    "matrix_exp": lambda a, b, W: b @ torch.linalg.matrix_exp(W - W.T),
    "softmax of a weight": lambda a, b, W: b @ W.softmax(-1),
    "norm of a weight": lambda a, b, W: b @ (W / torch.linalg.matrix_norm(W, 2)) + a * W.norm(),
    "gather of a weight": lambda a, b, W: (
        b @ W.gather(1, torch.tensor([ORDER]).expand(6, -1)) + a * W[ORDER, 0]
    ),
    "scatter of a weight": lambda a, b, W: b @ torch.zeros_like(W).index_put((torch.tensor(ORDER),), W),
    "sort of a weight": lambda a, b, W: W[0].sort().values * b,
    "fft of a weight": lambda a, b, W: torch.fft.rfft(W[0], 10).abs() * b,
    "complex weights": lambda a, b, W: torch.exp(torch.complex(W[0], W[1])).real * b,
}
ON_DATA = {
    "random numbers": lambda a, b, W: F.dropout(b, 0.5) + torch.randn_like(a),
    "if on a value": branched,
}


def parametrized(of=parametrizations.orthogonal, **options):
    """Return a function that makes a product whose matrix is made by a parametrization."""
    return lambda: of(nn.Linear(WIDTH, WIDTH, bias=False), "weight", **options)


class Dale(nn.Module):
    """Positive columns and negative ones."""

    def forward(self, W):
        return F.softplus(W) * torch.tensor([1, 1, 1, 1, -1, -1]).to(W)


def dale():
    made = nn.Linear(WIDTH, WIDTH, bias=False)
    parametrize.register_parametrization(made, "weight", Dale())
    return made


def of_state(a, b, module):
    return module(b)


def attention(a, b, module):
    return flat(module(cube(a), cube(b), cube(b), need_weights=False)[0])


MODULES = {
    "LayerNorm": (lambda: nn.LayerNorm(WIDTH), of_state),
    "RMSNorm": (lambda: nn.RMSNorm(WIDTH), of_state),
    "GroupNorm": (lambda: nn.GroupNorm(2, WIDTH), of_state),
    "BatchNorm1d for evaluation": (lambda: nn.BatchNorm1d(WIDTH).eval(), of_state),
    "Conv1d": (lambda: nn.Conv1d(2, 2, 3, padding=1), lambda a, b, m: flat(m(cube(b)))),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(3, 1, batch_first=True), attention),
    "GRUCell": (lambda: nn.GRUCell(WIDTH, WIDTH), lambda a, b, m: m(a, b)),
    "LSTMCell": (lambda: nn.LSTMCell(WIDTH, WIDTH), lambda a, b, m: torch.cat(m(a, (b, a)), -1)),
    "RNNCell": (lambda: nn.RNNCell(WIDTH, WIDTH), lambda a, b, m: m(a, b)),
    "orthogonal": (parametrized(orthogonal_map="matrix_exp"), of_state),
    "orthogonal by householder": (parametrized(orthogonal_map="householder"), of_state),
    "orthogonal by cayley": (parametrized(orthogonal_map="cayley"), of_state),
    "weight_norm": (parametrized(parametrizations.weight_norm), of_state),
    "spectral_norm": (parametrized(parametrizations.spectral_norm), of_state),
    "a parametrization of one's own": (dale, of_state),
}
FUNCTIONS = {
    "activations": ACTIVATIONS,
    "elementwise": ELEMENTWISE,
    "reductions": REDUCTIONS,
    "movement": MOVEMENT,
    "products": PRODUCTS,
    "weights alone": OF_WEIGHTS,
    "data": ON_DATA,
}
GROUPS = {**{group: tuple(functions) for group, functions in FUNCTIONS.items()}, "modules": tuple(MODULES)}
"""The names of all constructs, by group."""


class Constructs(Toy):
    """Puts out the results of constructs side by side; `spans` says where each one's are."""

    def __init__(self, *names):
        super().__init__(WIDTH, hidden_size=WIDTH)
        known = {name: f for functions in FUNCTIONS.values() for name, f in functions.items()}
        self.names = names
        self.functions = [MODULES[name][1] if name in MODULES else known[name] for name in names]
        made = [MODULES[name][0]() if name in MODULES else None for name in names]
        self.parts = nn.ModuleList(part or nn.Identity() for part in made)
        sizes = [y.shape[1] for y in self.each(*torch.ones(2, 1, WIDTH))]
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
        self.spans = {n: slice(e - s, e) for n, s, e in zip(names, sizes, ends, strict=True)}
        self.output_size = ends[-1]

    def initial_state(self, batch_size):
        return self.zeros(batch_size, WIDTH) + 0.3

    def each(self, a, b):
        """Return the result of every construct."""
        given = zip(self.functions, self.parts, strict=True)
        return [f(a, b, self.x.weight if isinstance(part, nn.Identity) else part) for f, part in given]

    def step(self, x, h):
        return torch.cat(self.each(x, h), -1), torch.sin(h + x)

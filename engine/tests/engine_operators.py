"""Small functions of two rows and a matrix, between them in need of every operator that the engine knows."""

import torch
from engine_toys import Toy
from torch.nn import functional as F

WIDTH = 6
HALF = torch.tensor([True, False, True, True, False, False])
NUMBERS = torch.tensor([0.5, -1.0, 2.0, 0.0, 1.0, 3.0], dtype=torch.float64)


def cube(a):
    """Return six numbers of a row as a tensor of more dimensions."""
    return a.view(-1, 2, 3)


def flat(a):
    return a.reshape(a.shape[0], -1)


def changed(a, change):
    """Return a new tensor after a change in place."""
    made = a * 1
    change(made)
    return made


ELEMENTWISE = {
    **{op: lambda a, b, W, op=op: getattr(torch, op)(a) for op in ("neg", "abs", "sign", "exp", "expm1")},
    **{op: lambda a, b, W, op=op: getattr(torch, op)(a) for op in ("tanh", "sigmoid", "erf", "sin", "cos")},
    **{
        op: lambda a, b, W, op=op: getattr(torch, op)(a * a + 0.5) for op in ("log", "log1p", "sqrt", "rsqrt")
    },
    "add": lambda a, b, W: torch.add(a, b, alpha=3) + 2 + (1 + a),
    "sub": lambda a, b, W: torch.sub(a, b, alpha=0.5) - 2,
    "rsub": lambda a, b, W: 2 - a + torch.rsub(a, b, alpha=2),
    "mul": lambda a, b, W: a * b * 3 * (2 * a),
    "div": lambda a, b, W: a / (b * b + 1) + a / 4 + 2 / (a * a + 1),
    "reciprocal": lambda a, b, W: torch.reciprocal(a * a + 1),
    "square": lambda a, b, W: torch.square(a) + a**2 + a**1 + a**3,
    "pow": lambda a, b, W: (a * a + 0.1) ** b + 2.0**a + (a * a + 0.1) ** -1.5 + a**0,
    "maximum": lambda a, b, W: torch.maximum(a, b) + torch.minimum(2 * a, b),
    "where": lambda a, b, W: torch.where(a > b, a * 2, b) + torch.where(a < 0, 1.0, b),
    "comparisons": lambda a, b, W: a * (a >= b) + b * (a <= b) * (a != b) * (a == a) * (a > -9) * (a < 9),
    "relu": lambda a, b, W: torch.relu(a),
    "silu": lambda a, b, W: F.silu(a),
    "leaky_relu": lambda a, b, W: F.leaky_relu(a, 0.2),
    "hardtanh": lambda a, b, W: F.hardtanh(a) + F.relu6(a),
    "clamp": lambda a, b, W: a.clamp(-0.5, 0.7) + a.clamp(min=0) + a.clamp(max=0.2) + a.clamp(b, b + 1),
    "clamp_min": lambda a, b, W: torch.clamp_min(a, 0.1) + torch.clamp_max(b, 0.1),
    "softplus": lambda a, b, W: F.softplus(a) + F.softplus(30 * a),
    "log_sigmoid": lambda a, b, W: F.logsigmoid(a) + F.logsigmoid(-25 + a),
    "lerp": lambda a, b, W: torch.lerp(a, b, 0.3) + torch.lerp(a, b, torch.sigmoid(a)),
    "addcmul": lambda a, b, W: torch.addcmul(a, a, b, value=2),
    "masked_fill": lambda a, b, W: a.masked_fill(HALF, 2.0) + b.masked_fill(a > 0, -1.0),
    "not": lambda a, b, W: a * ~(a > 0) + b * torch.logical_not(b > 0),
    "and, or": lambda a, b, W: a * ((a > 0) & (b > 0)) + b * ((a > 0) | (b > 0)),
    "logical": lambda a, b, W: a * torch.logical_and(a > 0, b > 0) + torch.logical_or(a > 0, b > 0) * b,
    "constants": lambda a, b, W: a * NUMBERS.to(a) + torch.ones_like(b) * torch.linspace(0, 1, 6).to(a),
}
MOVEMENT = {
    "t": lambda a, b, W: a @ W.t() + a @ W.T,
    "transpose": lambda a, b, W: flat(cube(a).transpose(1, 2) * cube(b).mT),
    "permute": lambda a, b, W: flat(a.view(-1, 1, 2, 3).permute(0, 3, 1, 2) * b.view(-1, 3, 1, 2)),
    "view": lambda a, b, W: a.view(-1, 6) + cube(b).reshape(b.shape[0], 6) + cube(a).flatten(1),
    "unsqueeze": lambda a, b, W: flat(a[:, None] * b.unsqueeze(-1)),
    "squeeze": lambda a, b, W: a.unsqueeze(1).squeeze(1) + b.view(-1, 1, 6, 1).squeeze((1, 3)),
    "expand": lambda a, b, W: flat(a.view(-1, 1, 6).expand(-1, 2, 6) + W[:2]),
    "slice": lambda a, b, W: torch.cat([a[:, 1:4], b[:, ::2], a[:, -2:]], -1),
    "narrow": lambda a, b, W: a.narrow(1, 2, 3) + b.narrow(-1, 0, 3),
    "select": lambda a, b, W: a[:, 2:3] + b[:, -1, None] + W[1, 2] + a.select(1, 0)[:, None],
    "unbind": lambda a, b, W: torch.stack(list(reversed(a.unbind(1))), 1),
    "split": lambda a, b, W: sum(a.split(2, -1)) + sum(b.chunk(3, -1)) + a.split(4, -1)[1],
    "split_with_sizes": lambda a, b, W: a.split([1, 2, 3], -1)[2] * b.split([3, 0, 3], -1)[0],
    "cat": lambda a, b, W: flat(torch.cat([cube(a), cube(b)], 1) + torch.cat([cube(b), cube(a)], -2)),
    "stack": lambda a, b, W: flat(torch.stack([a, b, a * b], 1) + torch.stack([b, b, a], -2)),
    "flip": lambda a, b, W: a.flip(-1) + flat(cube(b).flip(1, 2)),
    "roll": lambda a, b, W: a.roll(2, -1) + b.roll(-1, 1) + flat(cube(a).roll((1, -1), (1, 2))),
    "roll all": lambda a, b, W: W.roll(5)[0] * a,
    "pad": lambda a, b, W: F.pad(a, (2, 1)) + flat(F.pad(cube(b), (0, 0, 1, 0))),
    "detach": lambda a, b, W: a.detach() * b + a * b.detach(),
    "same": lambda a, b, W: a.clone() + b.contiguous() + a.mT.mT + a.conj(),
    "in place": lambda a, b, W: changed(a, lambda m: m.mul_(b).add_(1).tanh_()) + changed(b, torch.relu_),
}
PRODUCTS = {
    "mm": lambda a, b, W: a @ W + torch.mm(b, W.detach()) + F.linear(a, W),
    "bmm": lambda a, b, W: flat(cube(a) @ cube(b).mT) + flat(torch.bmm(cube(b), cube(a).mT)),
    "matrices for all": lambda a, b, W: flat(torch.einsum("bzk,zkj->bzj", cube(a), W.view(2, 3, 6))),
    "shared on the left": lambda a, b, W: flat(W[:2, :2] @ cube(a)) + flat(torch.matmul(W[:2, :2], cube(b))),
    "mv": lambda a, b, W: a * (W @ W[0]) + (a @ W[1])[:, None],
    "dot": lambda a, b, W: a * torch.dot(W[0], W[1]),
    "addmm": lambda a, b, W: torch.addmm(b, a, W, beta=2, alpha=0.5) + F.linear(a, W, W[0]),
    "baddbmm": lambda a, b, W: flat(torch.baddbmm(cube(a)[:, :, :2], cube(a), cube(b).mT, beta=0.5, alpha=2)),
    "outer product": lambda a, b, W: (
        flat(a[:, :, None] * b[:, None]) + flat(torch.einsum("bi,bj->bij", a, b))
    ),
    "bilinear": lambda a, b, W: torch.einsum("bi,ij,bj->b", a, W, b)[:, None],
}
REDUCTIONS = {
    "sum": lambda a, b, W: a.sum(-1, keepdim=True) + cube(b).sum((1, 2))[:, None] + cube(a).sum(1) + W.sum(),
    "mean": lambda a, b, W: a.mean(-1, keepdim=True) + cube(b).mean(1) + W.mean(0)[:3],
    "var": lambda a, b, W: a.var(-1, keepdim=True) + cube(b).var(1, correction=0),
    "norm": lambda a, b, W: (
        a.norm(dim=-1, keepdim=True) + torch.linalg.vector_norm(cube(b), dim=1) + W.norm()
    ),
    "cosine": lambda a, b, W: F.cosine_similarity(cube(a), cube(b), -1) + F.normalize(a)[:, :2],
    "layer_norm": lambda a, b, W: F.layer_norm(a, (6,), W[0], W[1], 0.1) + F.layer_norm(b, (6,)),
    "layer_norm of more": lambda a, b, W: flat(F.layer_norm(cube(a), (2, 3), eps=1e-3)),
    "softmax": lambda a, b, W: a.softmax(-1) + flat(cube(b).softmax(1)) + W.softmax(0)[0],
    "log_softmax": lambda a, b, W: a.log_softmax(-1) + flat(cube(b).log_softmax(1)),
}
OPERATORS = {**ELEMENTWISE, **MOVEMENT, **PRODUCTS, **REDUCTIONS}
KINKS = {
    "relu": lambda a, b: torch.relu(a),
    "relu6": lambda a, b: F.relu6(6 * a),
    "leaky_relu": lambda a, b: F.leaky_relu(a),
    "hardtanh": lambda a, b: F.hardtanh(a, -1, 1),
    "clamp": lambda a, b: a.clamp(-1, 1),
    "clamp to a point": lambda a, b: a.clamp(0, 0),
    "clamp the wrong way round": lambda a, b: a.clamp(1, -1),
    "clamp to tensors": lambda a, b: a.clamp(b - 1, b + 1),
    "clamp_min": lambda a, b: a.clamp(min=0) + a.clamp(min=b),
    "clamp_max": lambda a, b: a.clamp(max=0) + a.clamp(max=b),
    "maximum": lambda a, b: torch.maximum(a, b),
    "minimum": lambda a, b: torch.minimum(a, b),
    "abs": lambda a, b: a.abs(),
    "sign": lambda a, b: a.sign() * b,
    "where": lambda a, b: torch.where(a > b, a, b) + torch.where(a == 0, b, a * b),
    "norm": lambda a, b: (a * 0).norm(dim=-1, keepdim=True) + b,
    "norm of zeros": lambda a, b: (
        (a - a).norm(dim=-1, keepdim=True) * b + torch.linalg.vector_norm(a * b, dim=-1)[:, None]
    ),
    "normalised zeros": lambda a, b: F.normalize(a * 0) + b,
    "cosine of zeros": lambda a, b: F.cosine_similarity(a * 0, b, -1)[:, None] * a,
    "square": lambda a, b: a**2 + a**1 + a**0,
    "cube": lambda a, b: a**3,
    "power of zero": lambda a, b: a.abs() ** (b.abs() + 1),
    "zero to the zero": lambda a, b: (a * 0) ** (b * 0) * a,
    "a number to a power": lambda a, b: 2.0**a + 0.0 ** b.abs(),
    "softplus at the threshold": lambda a, b: F.softplus(a + 20),
    "log_sigmoid": lambda a, b: F.logsigmoid(a) + F.logsigmoid(20 * a),
    "silu": lambda a, b: F.silu(a),
    "masked_fill": lambda a, b: a.masked_fill(a == b, 0.5),
    "hardsigmoid": lambda a, b: F.hardsigmoid(3 * a),
    "hardswish": lambda a, b: F.hardswish(3 * a),
    "elu": lambda a, b: F.elu(a) + F.celu(a, 0.7) + F.selu(a) + F.elu(400 * b, 0.1),
    "shrinking": lambda a, b: F.softshrink(a) + F.hardshrink(a) + F.threshold(b, 1.0, 7.0),
    "softplus with beta": lambda a, b: F.softplus(a, 2.0, 1.0) + F.softplus(100 * b, 3.0, 900.0),
    "gelu": lambda a, b: F.gelu(100 * a) + F.gelu(100 * a, approximate="tanh") + F.mish(100 * a),
    "amax of equals": lambda a, b: (
        a.clamp(0, 1).amax(-1, keepdim=True) * b.clamp(0, 1).amin(-1, keepdim=True)
    ),
    "max of equals": lambda a, b: (
        a.clamp(0, 1).max(-1, keepdim=True).values + cube(b.clamp(0, 1)).min(1).values
    ),
    "prod of zeros": lambda a, b: a.prod(-1, keepdim=True) + a.cumprod(-1) + (a * b).cumprod(-1),
    "std of equals": lambda a, b: (a * 0 + 1).std(-1, keepdim=True) + b,
    "logaddexp": lambda a, b: torch.logaddexp(a, b) + torch.logaddexp(a * 0 - torch.inf, b),
    "logsumexp of nothing": lambda a, b: (
        torch.logsumexp(a.masked_fill(b < 9, -torch.inf), -1, keepdim=True) + b
    ),
    "rounding": lambda a, b: a.floor() + b.ceil() + (a + 0.5).round() * b + b.trunc() * a + a.frac(),
    "rest of a division": lambda a, b: torch.remainder(a, b) + torch.fmod(a, b) + torch.remainder(a, -0.3),
    "floor division": lambda a, b: torch.div(a, b, rounding_mode="floor") + a.detach() // 0.1,
    "atan2": lambda a, b: torch.atan2(a, b),
    "hypot": lambda a, b: torch.hypot(a, b),
    "arcsine": lambda a, b: torch.asin(a.clamp(-1, 1).detach()) + torch.asin(b / 4) + torch.acos(b / 4),
    "asinh": lambda a, b: torch.asinh(a) + torch.sinh(a * 1e-9) * 1e9 + torch.sinh(9 * b),
    "sinc": lambda a, b: torch.sinc(a),
    "xlogy": lambda a, b: torch.xlogy(a, b.abs() + 0.5),
    "other norms": lambda a, b: (
        a.norm(p=1, dim=-1, keepdim=True) * b + b.norm(p=torch.inf, dim=-1, keepdim=True)
    ),
    "heaviside": lambda a, b: torch.heaviside(a.detach(), b.detach()) * b,
    "softmax of equals": lambda a, b: (a - a + b[:, :1]).softmax(-1),
    "softmax of the far apart": lambda a, b: (1000 * a).softmax(-1) * b,
}


class Everything(Toy):
    """Puts out the results of many functions side by side; `spans` says where each one's are."""

    def __init__(self, functions, weight):
        super().__init__(WIDTH, hidden_size=WIDTH)
        self.functions, self.weight = functions, weight
        row = torch.ones(1, WIDTH)
        sizes = [self.of(f, row, row).shape[1] for f in functions.values()]
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
        self.spans = {n: slice(e - s, e) for n, s, e in zip(functions, sizes, ends, strict=True)}
        self.output_size = ends[-1]

    def initial_state(self, batch_size):
        return self.zeros(batch_size, WIDTH)

    def of(self, function, a, b):
        return function(a, b, self.x.weight) if self.weight else function(a, b)

    def step(self, x, h):
        return torch.cat([self.of(f, x, h) for f in self.functions.values()], -1), torch.sin(h + x)

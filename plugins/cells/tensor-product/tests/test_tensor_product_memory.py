"""The memory by hand, against its equations entry by entry, and driven by controllers."""

import json
import math
import re
from itertools import product
from pathlib import Path

import pytest
import torch

from recurra import InvalidOption, MemoryCell, Ref, leaves
from recurra.config.options import keyword_options
from recurra_ntm.cell import NTM
from recurra_ntm.feed_forward import FeedForward
from recurra_tensor_product.memory import TensorProductMemory, TensorProductMemoryState

LN3 = math.log(3)  # σ(ln 3) = 3/4 and σ(-ln 3) = 1/4
LONG = 1e6  # vectors this long have length one within 1e-16
SURE = 1e4  # σ(SURE) = 1 and σ(-SURE) = 0, exactly
B = 2


def emitted(*vectors, g):
    """What a controller emits at one step, for a batch of one: long vectors, and g as it is."""
    numbers = [LONG * number for v in vectors for number in v]
    return torch.tensor([[*numbers, g]], dtype=torch.float64)


def close(got, *expected):
    torch.testing.assert_close(got, torch.tensor([expected], dtype=torch.float64), rtol=0, atol=1e-14)


def test_two_steps_by_hand():
    """3/4 of (0.6, 0.8) ⊗ (0, 1) and 1/4 of (1, 0) ⊗ (0.8, -0.6)."""
    memory = TensorProductMemory(sizes=(2, 2)).double()
    r, state = memory.step(emitted((3.0, 4.0), (0.0, 2.0), (1.0, 0.0), g=LN3), memory.initial_state(1))
    close(r, 0.0, 0.45)
    close(state.T, [0.0, 0.45], [0.0, 0.6])
    r, state = memory.step(emitted((1.0, 0.0), (8.0, -6.0), (3.0, 4.0), g=-LN3), state)
    close(r, 0.25 * 0.6 * 0.8, 0.75 - 0.25 * 0.6 * 0.6)
    close(state.T, [0.2, 0.3], [0.0, 0.6])


def test_every_role_by_hand():
    """Cues (0, 1) for the first role and (0, 1) for the second give T (0, 1) and then (0, 1) T."""
    memory = TensorProductMemory(sizes=(2, 2), retrieved="every").double()
    T = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]], dtype=torch.float64)
    r, state = memory.step(emitted((1, 0), (1, 0), (0, 1), (0, 1), g=-SURE), TensorProductMemoryState(T))
    close(r, 2.0, 4.0, 3.0, 4.0)
    assert torch.equal(state.T, T)


def naive(memory, x, T):
    """One row and one step, entry by entry."""
    sizes, softmax = memory.options["sizes"], memory.options["vectors"] == "softmax"
    rank, every = len(sizes), memory.options["retrieved"] == "every"
    vectors, start = [], 0
    for d in [*sizes, *(sizes if every else sizes[:-1])]:
        v = x[start : start + d]
        vectors.append(v.exp() / v.exp().sum() if softmax else v / (v @ v + 1e-4).sqrt())
        start += d
    g = 1 / (1 + torch.exp(-x[start]))
    fact, cues = vectors[:rank], vectors[rank:]
    entries = list(product(*map(range, sizes)))
    T = {e: T[e] + g * math.prod(v[i] for v, i in zip(fact, e, strict=True)) for e in entries}
    r = []
    for role in range(rank) if every else [rank - 1]:
        weighed = {e: T[e] * math.prod(cues[a][e[a]] for a in range(rank) if a != role) for e in entries}
        r += [sum(w for e, w in weighed.items() if e[role] == i) for i in range(sizes[role])]
    return torch.stack(r), torch.stack([T[e] for e in entries]).reshape(sizes)


@pytest.mark.parametrize("vectors", ["unit", "softmax"])
@pytest.mark.parametrize("retrieved", ["last", "every"])
@pytest.mark.parametrize("sizes", [(3, 2), (2, 3, 4), (2, 1, 3, 2)])
def test_two_steps_and_all_gradients_equal_the_equations(sizes, retrieved, vectors):
    torch.manual_seed(0)
    memory = TensorProductMemory(sizes=sizes, retrieved=retrieved, vectors=vectors).double()
    x = torch.randn(B, 2, memory.input_size, dtype=torch.float64, requires_grad=True)
    T = torch.randn(B, *sizes, dtype=torch.float64, requires_grad=True)
    r, state = memory(x, TensorProductMemoryState(T))
    rows = []
    for x_b, T_b in zip(x, T, strict=True):
        first, T_1 = naive(memory, x_b[0], T_b)
        second, T_2 = naive(memory, x_b[1], T_1)
        rows.append((torch.stack([first, second]), T_2))
    expected = [torch.stack(parts) for parts in zip(*rows, strict=True)]
    weights = [torch.randn_like(part) for part in expected]
    found = []
    for got in ((r, state.T), expected):
        loss = sum((part * w).sum() for part, w in zip(got, weights, strict=True))
        found.append((*got, *torch.autograd.grad(loss, [x, T])))
    for got, wanted in zip(*found, strict=True):
        assert wanted.any()
        torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-12)


def test_facts_are_stored_in_one_shot_and_stay():
    """Four facts of rank 3, whose pairs of keys are orthonormal, are read at once and four steps later."""
    memory = TensorProductMemory(sizes=(2, 2, 3)).double()
    keys = list(product(((1.0, 0.0), (0.0, 1.0)), repeat=2))
    values = [(2.0, -1.0, 2.0), (0.0, 3.0, -4.0), (-6.0, 0.0, 8.0), (1.0, 2.0, 2.0)]
    writes = [emitted(a, b, v, a, b, g=SURE) for (a, b), v in zip(keys, values, strict=True)]
    reads = [emitted(a, b, (1.0, 1.0, 1.0), a, b, g=-SURE) for a, b in keys]
    r, _ = memory(torch.stack([*writes, *reads], 1))
    units = torch.nn.functional.normalize(torch.tensor(values, dtype=torch.float64))
    torch.testing.assert_close(r[0], torch.cat([units, units]), rtol=0, atol=1e-14)


def test_sizes_and_state():
    memory = TensorProductMemory()
    assert (memory.input_size, memory.output_size) == (36 + 16 + 1, 20)
    every = TensorProductMemory(sizes=(2, 3, 4), retrieved="every")
    assert (every.input_size, every.output_size) == (9 + 9 + 1, 9)
    assert not list(every.parameters())
    assert not every.state_dict()
    start = every.double().initial_state(B)
    assert {name: tuple(t.shape) for name, t in leaves(start)} == {"state.T": (B, 2, 3, 4)}
    assert start.T.dtype == every.initial_read(B).dtype == torch.float64
    assert not start.T.any()
    assert not every.initial_read(B).any()


def test_views_are_lengths_over_the_other_roles():
    memory = TensorProductMemory(sizes=(2, 2))
    views = memory.diagnostics(TensorProductMemoryState(torch.tensor([[[3.0, 0.0], [4.0, 5.0]]])))
    assert views["strength in role 1"].tolist() == [[3.0, pytest.approx(41**0.5)]]
    assert views["strength in role 2"].tolist() == [[5.0, 5.0]]


@pytest.mark.parametrize("retrieved", ["last", "every"])
def test_a_controller_drives_it(retrieved):
    """The cell equals its parts called one after the other, and every parameter gets a gradient."""
    torch.manual_seed(1)
    memory = TensorProductMemory(sizes=(2, 3, 4), retrieved=retrieved)
    controller = FeedForward(3 + memory.output_size, hidden_size=5)
    cell = MemoryCell(controller, memory).double()
    x = torch.randn(B, 6, 3, dtype=torch.float64)
    y, last = cell(x)
    r, state = memory.initial_read(B), memory.initial_state(B)
    for t in range(6):
        h, _ = controller.step(torch.cat([x[:, t], r], -1), controller.initial_state(B))
        r, state = memory.step(cell.interface(h), state)
        torch.testing.assert_close(y[:, t], torch.cat([h, r], -1), rtol=0, atol=1e-14)
    torch.testing.assert_close(last.memory.T, state.T, rtol=0, atol=1e-14)
    y.square().sum().backward()
    assert all(p.grad.any() for p in cell.parameters())


def test_the_ntm_takes_it_by_name():
    cell = NTM(3, memory="tensor-product", controller={"name": "feed-forward", "hidden_size": 5})
    assert isinstance(cell.memory, TensorProductMemory)
    narrow = NTM(3, memory=Ref("memory", "tensor-product", sizes=[4, 6]))
    assert narrow(torch.randn(B, 5, 3))[0].shape == (B, 5, 100 + 6)


@pytest.mark.parametrize("vectors", ["unit", "softmax"])
def test_autocast_keeps_the_state(vectors):
    torch.manual_seed(2)
    memory = TensorProductMemory(sizes=(2, 3, 4), vectors=vectors)
    x = torch.randn(B, 5, memory.input_size)
    expected, _ = memory(x)
    with torch.autocast("cpu", torch.bfloat16):
        r, state = memory(x)
    assert (r.dtype, state.T.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(r.float(), expected, rtol=3e-2, atol=3e-2)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"sizes": (4,)}, "TensorProductMemory: sizes = .*4.*: .*2"),
        ({"sizes": (4, 0)}, "TensorProductMemory: sizes.*: .*greater than 0"),
        ({"sizes": 8}, "TensorProductMemory: sizes = 8: "),
        ({"retrieved": "first"}, "TensorProductMemory: retrieved = 'first': .*last.*every"),
        ({"vectors": "tanh"}, "TensorProductMemory: vectors = 'tanh': .*unit.*softmax"),
        ({"rank": 3}, "TensorProductMemory: unknown option 'rank'; it has sizes, retrieved, vectors"),
    ],
)
def test_wrong_options_are_refused_by_name(options, told):
    with pytest.raises(InvalidOption, match=told):
        TensorProductMemory(**options)


def test_the_readme_names_every_option_and_its_code_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    for option, (_, default) in keyword_options(TensorProductMemory).items():
        shown = json.dumps(default).strip('"')
        assert re.search(rf"^\| `{option}` \| `?{re.escape(shown)}`? \|", text, re.MULTILINE), option
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, {})

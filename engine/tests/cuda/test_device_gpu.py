"""The real thing: what a GPU gives is what the loop gives there."""

import pytest
import torch

from recurra import leaves, sequence
from recurra.plugins.registry import components, load
from recurra_engine import dispatch
from recurra_engine.cuda import call
from recurra_engine.cuda.cuda_graphs import Graphs

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
NAMES = [offer.component.name for offer in components("cell")]
CELLS = ("LSTM", "Peephole", "NormedLSTM", "GRU", "NTM", "Odd")


@pytest.fixture(autouse=True)
def cublas_may_choose():
    """Deterministic products would want a variable that must be set before CUDA starts."""
    torch.use_deterministic_algorithms(False)
    yield
    torch.use_deterministic_algorithms(True)


def results(cell, x, lengths, level):
    x = x.clone().requires_grad_()
    with sequence.using(level):
        y, after = cell(x, lengths=lengths)
    parts = {"y": y, **{name: part for name, part in leaves(after) if part.is_floating_point()}}
    total = sum(part.float().sin().sum() for part in parts.values())
    wanted = {"x": x, **{name: p for name, p in cell.named_parameters() if p.requires_grad}}
    found = torch.autograd.grad(total, list(wanted.values()), allow_unused=True)
    parts |= {f"d {name}": g for name, g in zip(wanted, found, strict=True) if g is not None}
    return {name: part.detach() for name, part in parts.items()}


def compare(cell, x, lengths, most):
    want, got = (results(cell, x, lengths, level) for level in ("loop", "device"))
    assert want.keys() == got.keys()
    for name, expected in want.items():
        scale = max(float(expected.abs().max()), 1.0) if expected.numel() else 1.0
        torch.testing.assert_close(
            got[name], expected, rtol=0, atol=most * scale, msg=lambda m, n=name: f"{n}: {m}"
        )


def level_of(cell, x):
    with sequence.using("device"):
        return dispatch.choose(cell, x, cell.initial_state(x.shape[0]))


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_every_cell_gives_what_the_loop_gives(name, ragged):
    cls = load("cell", name)
    torch.manual_seed(0)
    cell = cls(4, **cls.contract_options).double().cuda()
    x = torch.randn(5, 12, cell.input_size, dtype=torch.float64, device="cuda")
    if cell.tags.input_kind == "trees":
        x[..., -1] = torch.tensor([0, 0, 2] + [0, 2] * 5, device="cuda")[:12]
    lengths = torch.tensor([12, 3, 0, 7, 12], device="cuda") if ragged else None
    compare(cell, x, lengths, 1e-10)


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("units", [16, 300])
@pytest.mark.parametrize("name", CELLS)
def test_toys_run_at_the_level_and_give_what_the_loop_gives(toys, name, units, ragged):
    torch.manual_seed(0)
    cell = toys.CELLS[name](20, units).cuda()
    x = torch.randn(7, 30, 20, device="cuda")
    assert level_of(cell, x).why_not == {}
    lengths = torch.tensor([30, 3, 0, 7, 30, 1, 12], device="cuda") if ragged else None
    if name != "Odd":  # it has steps, which float32 may take on the other side
        compare(cell, x, lengths, 1e-3)
    compare(cell.double(), x.double(), lengths, 1e-10)


@pytest.mark.parametrize("name", CELLS[:-1])
def test_bfloat16_is_no_further_from_the_truth_than_the_loop_is(toys, name):
    torch.manual_seed(0)
    cell = toys.CELLS[name](20, 300).bfloat16().cuda()
    x = torch.randn(7, 10, 20, device="cuda", dtype=torch.bfloat16)
    assert level_of(cell, x).why_not == {}
    device, loop = (results(cell, x, None, level) for level in ("device", "loop"))
    exact = results(cell.double(), x.double(), None, "loop")
    for name, wanted in exact.items():
        errors = [float((found[name].double() - wanted).norm() / wanted.norm()) for found in (device, loop)]
        assert errors[0] < 2 * errors[1] + 1e-3, name


def test_a_graph_is_used_again_for_other_inputs_and_weights(toys, monkeypatch):
    kept = Graphs()
    monkeypatch.setattr(call, "graphs", kept)
    torch.manual_seed(0)
    cell = toys.GRU(20, 300).cuda()
    for turn in range(5):
        compare(cell, torch.randn(6, 25, 20, device="cuda"), None, 1e-3)
        with torch.no_grad():
            for parameter in cell.parameters():
                parameter.mul_(0.95)
        mine = [key for key in kept.known if key[1] == (25, 6)]
        assert len(mine) == (2 if turn else 0)  # forward and backward, from the second run on


def test_two_runs_before_the_gradients_do_not_disturb_each_other(toys):
    torch.manual_seed(0)
    cell = toys.LSTM(20, 300).cuda()
    x = torch.randn(2, 6, 25, 20, device="cuda")
    for _ in range(3):
        gradients = []
        for level in ("loop", "device"):
            with sequence.using(level):
                total = cell(x[0])[0].sum() * cell(x[1])[0].square().sum()
            gradients.append(torch.autograd.grad(total, cell.mix.weight)[0])
        scale = float(gradients[0].abs().max())
        torch.testing.assert_close(gradients[1] / scale, gradients[0] / scale, rtol=0, atol=1e-4)


def test_a_row_beyond_two_thousand_million_numbers_is_its_own(toys):
    if torch.cuda.get_device_properties(0).total_memory < 60 * 2**30:
        pytest.skip("a stream of more than 2^31 numbers needs a GPU of 60 GiB")
    torch.manual_seed(0)
    cell = toys.LSTM(20, 1024).cuda()
    x = torch.randn(9000, 60, 20, device="cuda")  # T B 4H = 2.2e9 in the hoisted product
    with torch.no_grad():
        y = {}
        for level, rows in (("device", slice(None)), ("loop", slice(-2, None))):
            with sequence.using(level):
                y[level] = cell(x[rows])[0][-2:]
    torch.testing.assert_close(y["device"], y["loop"], rtol=0, atol=1e-3)

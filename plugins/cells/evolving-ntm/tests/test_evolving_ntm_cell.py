"""The memory as a part of a cell: by name, in float32, as a population, exported, and refused by bptt."""

import itertools

import pytest
import torch
from torch.func import functional_call, stack_module_state, vmap

from recurra import IncompatibleParts, Ref, Tags
from recurra_evolving_ntm.memory import TapeOverflow
from recurra_lab import Experiment
from recurra_lab.exports.program import export
from recurra_lab.runs.build import build
from recurra_ntm.cell import NTM


def test_the_ntm_takes_it_by_name_and_float32_agrees_with_float64():
    torch.manual_seed(0)
    cell = NTM(3, memory=Ref("memory", "evolving-ntm", width=4, capacity=21), controller="lstm")
    assert cell.tags == Tags(differentiable=False)
    x = torch.randn(8, 20, 3)
    y, state = cell(x)
    exact, exact_state = cell.double()(x.double())
    assert y.shape == (8, 20, 128 + 4)
    assert torch.equal(state.memory.head, exact_state.memory.head)
    assert len(set(state.memory.head.tolist())) > 2
    torch.testing.assert_close(y.double(), exact, rtol=0, atol=1e-5)


def test_a_population_of_weights_equals_one_at_a_time():
    torch.manual_seed(1)
    options = {"width": 3, "capacity": 5, "min_similarity": 0.9, "expand_threshold": 0.7}
    cells = [NTM(2, memory={"name": "evolving-ntm", **options}).double() for _ in range(5)]
    x = torch.randn(4, 10, 2, dtype=torch.float64)
    weights, buffers = stack_module_state(cells)

    def one(weights, buffers):
        return functional_call(cells[0], (weights, buffers), (x,))[0]

    together = vmap(one)(weights, buffers)
    overflows = 0
    for cell, row in itertools.product(range(5), range(4)):
        if together[cell, row].isnan().any():
            overflows += 1
            with pytest.raises(TapeOverflow):
                cells[cell](x[row, None])
        else:
            torch.testing.assert_close(
                together[cell, row], cells[cell](x[row, None])[0][0], rtol=1e-12, atol=1e-12
            )
    assert 0 < overflows < 5 * 4  # some tapes grow too long


@pytest.mark.parametrize("tape", ["unbounded", "finite-original"])
def test_it_is_exported_for_any_number_of_rows_and_steps(tape):
    torch.manual_seed(2)
    options = {"width": 3, "capacity": 18, "tape": tape, "min_similarity": 0.9, "expand_threshold": 0.1}
    cell = NTM(2, memory={"name": "evolving-ntm", **options}).eval()
    program = export(cell).module()
    for sizes in [(1, 1), (2, 17)]:
        x = torch.randn(*sizes, 2)
        torch.testing.assert_close(program(x)[0], cell(x)[0])


def test_bptt_refuses_it_in_one_sentence():
    experiment = Experiment.compose("copy", "ntm", file=None, overrides=["cell.memory=evolving-ntm"])
    with pytest.raises(
        IncompatibleParts, match=r"^trainer 'bptt' needs a differentiable cell, and NTM is not"
    ):
        build(experiment)

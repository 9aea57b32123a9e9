"""The initial weights are those that were published, and wrong options are refused by name."""

import math

import pytest
import torch
from torch.nn.functional import softplus

from recurra import InvalidOption
from recurra_ssm.hippo import block_eigenvectors, hippo_n
from recurra_ssm.lru import LRU
from recurra_ssm.mamba import Mamba
from recurra_ssm.mamba2 import Mamba2
from recurra_ssm.rg_lru import RGLRU
from recurra_ssm.s4d import S4D, initial_eigenvalues
from recurra_ssm.s5 import S5


def test_eigenvalues_of_s4d():
    decay, frequency = initial_eigenvalues("lin", 3)
    torch.testing.assert_close(decay, torch.full((3,), 0.5))
    torch.testing.assert_close(frequency, torch.tensor([0.0, math.pi, 2 * math.pi]))
    _, frequency = initial_eigenvalues("inv", 3)  # (6 / π)(6 / (2 n + 1) − 1)
    torch.testing.assert_close(frequency, torch.tensor([30.0, 6.0, 1.2]) / math.pi)
    decay, frequency = initial_eigenvalues("real", 3)
    assert decay.tolist() == [1, 2, 3]
    assert frequency.tolist() == [0, 0, 0]


def test_hippo_n_is_hippo_legs_plus_its_rank_one_correction():
    n = torch.arange(6, dtype=torch.float64)
    legs = -torch.tril(torch.outer((2 * n + 1).sqrt(), (2 * n + 1).sqrt()), -1) - torch.diag(n + 1)
    torch.testing.assert_close(hippo_n(6), legs + torch.outer((n + 0.5).sqrt(), (n + 0.5).sqrt()))


@pytest.mark.parametrize("blocks", [1, 2])
def test_half_of_the_eigenvectors_restores_hippo_n(blocks):
    decay, frequency, V = block_eigenvectors(8, blocks)
    A = 2 * ((V * torch.complex(-decay, frequency)) @ V.mH).real
    expected = torch.block_diag(*[hippo_n(8 // blocks)] * blocks)
    torch.testing.assert_close(A, expected, rtol=0, atol=1e-5, check_dtype=False)
    assert (frequency > 0).all()


def test_s5_starts_with_the_variance_of_its_matrices():
    torch.manual_seed(0)
    cell = S5(50, hidden_size=40, state_size=60, blocks=3)
    parts = {
        name: float(getattr(cell, name).weight.detach().square().mean())
        for name in ("from_x", "to_y", "skip")
    }
    assert parts["from_x"] == pytest.approx(0.5 / 50, rel=0.1)  # V halves the variance of B
    assert parts["to_y"] == pytest.approx(1 / 60, rel=0.1)
    assert parts["skip"] == pytest.approx(1 / 50, rel=0.1)


def test_step_sizes_are_spread_over_their_range():
    for cell in (S4D(1, hidden_size=1000, state_size=2), S5(1, state_size=1000, blocks=100)):
        dt = cell.log_dt.detach().exp()
        assert dt.min() >= 0.00099
        assert dt.max() <= 0.101
        assert dt.median() == pytest.approx(0.01, rel=0.3)


def test_lru_starts_on_the_ring():
    cell = LRU(2, state_size=2000, r_min=0.8, r_max=0.9, max_phase=1.0)
    modulus, phase = torch.exp(-cell.nu.detach().exp()), cell.theta.detach().exp()
    assert modulus.min() >= 0.8 - 1e-6
    assert modulus.max() <= 0.9 + 1e-6
    assert modulus.square().mean() == pytest.approx((0.64 + 0.81) / 2, abs=0.01)  # uniform over the area
    assert phase.max() <= 1
    assert phase.mean() == pytest.approx(0.5, abs=0.05)
    torch.testing.assert_close(cell.gamma.detach().exp(), torch.sqrt(1 - modulus**2), rtol=1e-4, atol=1e-5)


def test_rg_lru_starts_between_its_radii():
    decay = torch.exp(-softplus(RGLRU(2, hidden_size=2000).Lambda.detach()))
    assert decay.min() >= 0.9 - 1e-5
    assert decay.max() <= 0.999 + 1e-5


def test_mamba_starts_with_whole_numbers_and_small_steps():
    cell = Mamba(2, hidden_size=40, state_size=3)
    torch.testing.assert_close(cell.log_decay.detach().exp(), torch.tensor([1.0, 2.0, 3.0]).expand(80, 3))
    dt = softplus(cell.to_delta.bias.detach())
    assert dt.min() >= 0.00099
    assert dt.max() <= 0.101
    assert cell.to_delta.weight.detach().abs().max() <= 3**-0.5
    assert (cell.D == 1).all()


def test_mamba2_starts_with_decays_from_1_to_16():
    cell = Mamba2(2, hidden_size=256, head_size=2)
    rate = cell.log_decay.detach().exp()
    assert rate.min() >= 1 - 1e-5
    assert rate.max() <= 16 + 1e-4
    assert rate.mean() == pytest.approx(8.5, rel=0.15)
    assert softplus(cell.delta_bias.detach()).max() <= 0.101


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        (S4D, {"state_size": 7}, "S4D: state_size = 7 must be even"),
        (S4D, {"dt_min": 1.0}, r"S4D: dt_min = 1.0 must not exceed dt_max = 0.1"),
        (S4D, {"spectrum": "linear"}, "S4D: spectrum = 'linear': .*lin.*inv.*real"),
        (S5, {"state_size": 8, "blocks": 3}, "S5: 2 blocks = 6 must divide state_size = 8"),
        (LRU, {"r_min": 0.9, "r_max": 0.5}, "LRU: r_min = 0.9 must not exceed r_max = 0.5"),
        (RGLRU, {"hidden_size": 6, "heads": 4}, "RGLRU: heads = 4 must divide hidden_size = 6"),
        (Mamba, {"window": 1}, "Mamba: window = 1: .*greater than 1"),
        (Mamba2, {"head_size": 48}, "Mamba2: head_size = 48 must divide expansion . hidden_size = 256"),
        (Mamba2, {"groups": 3}, "Mamba2: groups = 3 must divide number of heads = 4"),
    ],
)
def test_wrong_options_are_refused_by_name(kind, options, told):
    with pytest.raises(InvalidOption, match=told):
        kind(3, **options)


def test_inputs_of_any_size_leave_the_state_of_mamba_finite():
    for cell in (Mamba(2, hidden_size=4), Mamba2(2, hidden_size=4, head_size=4)):
        y, (S, window) = cell(torch.full((1, 50, 2), 1e30))
        assert all(t.isfinite().all() for t in (y, S, window))

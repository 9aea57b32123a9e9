"""Searches find the top of a hill, by hand and by numbers."""

import pytest
import torch

from recurra import IncompatibleParts, InvalidOption
from recurra_contract import ToyTask
from recurra_contract.harness import CellOf, PlainCell
from recurra_evolution.searches import GradientSearch, centred_ranks
from recurra_evolution.trainer import Evolution
from recurra_lab import Model, WeightSpace


def test_ranks_by_hand():
    found = centred_ranks(torch.tensor([3.0, -torch.inf, 3.0, 7.0, 0.0], dtype=torch.float64))
    assert found.tolist() == [0.125, -0.5, 0.125, 0.5, -0.25]


def test_the_step_of_openai_es_by_hand():
    search = GradientSearch(torch.zeros(2, dtype=torch.float64), 4, 0.5, 0.1)
    vectors = torch.tensor([[0.5, 0], [0, 0.5], [-0.5, 0], [0, -0.5]], dtype=torch.float64)
    search.tell(vectors, torch.tensor([4.0, 3.0, 1.0, 2.0], dtype=torch.float64))
    # Ranks 1/2, 1/6, -1/2, -1/6; the sums (1, 1/3) over P σ = 2; the first step of Adam is its sign.
    torch.testing.assert_close(search.theta.grad, -torch.tensor([1 / 2, 1 / 6], dtype=torch.float64))
    torch.testing.assert_close(search.mean, torch.full((2,), 0.1, dtype=torch.float64), rtol=1e-6, atol=0)


def search_of(rule, weights):
    """Return the search for so many weights, from zero."""
    task = ToyTask()
    model = Model(task, CellOf(PlainCell))
    model.weights = torch.nn.Parameter(torch.zeros(weights))
    for name, weight in model.named_parameters():
        weight.requires_grad_(name == "weights")
    return rule.search(model, WeightSpace(model))


@pytest.mark.parametrize("algorithm", ["cma-es", "openai-es"])
def test_the_top_of_a_hill_is_found_and_a_restored_search_goes_on(algorithm):
    top = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    rule = Evolution(algorithm=algorithm, population=16, sigma=0.3, learning_rate=0.1)
    search = search_of(rule, 3)
    for k in range(150):
        if k == 75:
            again = search_of(rule, 3)
            again.restore(search.state())
            search = again if again.ask(9).equal(search.ask(9)) else None
        vectors = search.ask(k)
        search.tell(vectors, -(vectors - top).square().sum(1))
    assert (search.mean - top).abs().max() < 0.1


def test_rounding_of_the_covariance_does_not_decide_about_candidates():
    """As another number of threads rounds it; its eigenvalues are almost all the same at first."""
    rule = Evolution(population=12, sigma=0.3)
    one, other = search_of(rule, 30), search_of(rule, 30)
    vectors = one.ask(0)
    for search in (one, other):
        search.tell(vectors, -vectors.square().sum(1))
    noise = torch.randn(30, 30, generator=torch.Generator().manual_seed(0)).double().numpy() * 1e-15
    other.library._C = other.library._C + noise + noise.T
    torch.testing.assert_close(one.ask(1), other.ask(1), rtol=0, atol=1e-9)


def test_candidates_have_the_covariance_of_the_search():
    search = search_of(Evolution(population=4000, sigma=2.0), 3)
    C = torch.tensor([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 0.5]], dtype=torch.float64)
    search.library._C = C.numpy()
    torch.testing.assert_close(search.ask(3).T.cov(), 4 * C, rtol=0.15, atol=0.15)


def test_mistakes_are_told():
    with pytest.raises(InvalidOption, match="population = 7 must be even"):
        Evolution(algorithm="openai-es", population=7)
    with pytest.raises(IncompatibleParts, match="5000 weights at most, got 5001"):
        search_of(Evolution(), 5001)

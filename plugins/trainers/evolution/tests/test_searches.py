"""Searches find the top of a hill, by hand and by numbers."""

import pytest
import torch

from recurra.errors import IncompatibleParts, InvalidOption
from recurra.model import Model
from recurra.population import WeightSpace
from recurra.testing.fitting import CellOf, PlainCell
from recurra.testing.toys_learning import ToyTask
from recurra_evolution.searches import GradientSearch, centred_ranks
from recurra_evolution.trainer import Evolution


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


def test_mistakes_are_told():
    with pytest.raises(InvalidOption, match="population = 7 must be even"):
        Evolution(algorithm="openai-es", population=7)
    with pytest.raises(IncompatibleParts, match="5000 weights at most, and there are 5001"):
        search_of(Evolution(), 5001)

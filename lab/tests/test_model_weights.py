"""The option of a model that constrains the recurrent matrices of its cells."""

import pytest
import torch

from recurra import IncompatibleParts, InvalidOption, Ref
from recurra_contract import ToyTask
from recurra_lab import Experiment, Model
from recurra_wrappers import (
    ConstrainedWeights,
    DaleWeights,
    LowRankWeights,
    NormalisedLinears,
    OrthogonalWeights,
    SparseWeights,
    SpectralWeights,
    WeightNormalised,
)

LSTM = Ref("cell", "lstm", hidden_size=5)


@pytest.mark.parametrize(
    ("weights", "kind", "options"),
    [
        ({"name": "orthogonal"}, OrthogonalWeights, {}),
        ({"name": "spectral", "bound": 0.5}, SpectralWeights, {"bound": 0.5}),
        ({"name": "weight-norm"}, WeightNormalised, {}),
        ({"name": "dale", "excitatory": 0.6}, DaleWeights, {"excitatory": 0.6}),
        ({"name": "sparse", "density": 0.4}, SparseWeights, {"density": 0.4}),
        ({"name": "low-rank", "rank": 2}, LowRankWeights, {"rank": 2}),
    ],
)
def test_every_cell_is_constrained(weights, kind, options):
    model = Model(ToyTask(), LSTM, layers=2, weights=weights)
    layers = list(model.sequencer.layers)
    assert [type(layer) for layer in layers] == [kind] * 2
    assert layers[0].options == options
    assert layers[1].names == ("from_h.weight",)
    y, _ = model(torch.randn(2, 5, ToyTask().input_size))
    y.sum().backward()


def test_linears_may_be_normalised_too():
    model = Model(ToyTask(), LSTM, layer_norm="linears", weights={"name": "orthogonal"})
    assert isinstance(model.sequencer, OrthogonalWeights)
    assert isinstance(model.sequencer.cell, NormalisedLinears)
    assert model.sequencer.names == ("cell.from_h.weight",)
    U = model.sequencer.cell.cell.from_h.weight.view(4, 5, 5)
    torch.testing.assert_close(U @ U.mT, torch.eye(5).expand(4, 5, 5), rtol=0, atol=1e-5)


def test_without_the_option_nothing_is_constrained():
    model = Model(ToyTask(), LSTM)
    assert not any(isinstance(module, ConstrainedWeights) for module in model.modules())


def test_an_experiment_names_the_constraint(tmp_path):
    overrides = ["model.weights=low-rank", "model.weights.rank=3"]
    experiment = Experiment.compose("copy", "lstm", overrides=overrides)
    assert experiment.model.weights.arguments() == {"rank": 3}
    file = tmp_path / "run.toml"
    file.write_text(experiment.to_toml())
    assert Experiment.from_toml(file) == experiment


def test_mistakes_are_one_sentence():
    with pytest.raises(
        IncompatibleParts, match=r"^OrthogonalWeights: no recurrent matrix of Jordan is square"
    ):
        Model(ToyTask(), Ref("cell", "jordan", hidden_size=5), weights={"name": "orthogonal"})
    with pytest.raises(IncompatibleParts, match=r"^SparseWeights: FeedForward has no recurrent matrix"):
        Model(ToyTask(), Ref("cell", "feed-forward"), weights={"name": "sparse"})
    with pytest.raises(InvalidOption, match="rank"):
        Model(ToyTask(), LSTM, weights={"name": "orthogonal", "rank": 3})


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (
            ["model.weights.rank=3"],
            "model.weights.rank=3: unknown key model.weights.rank; none has no option 'rank', which"
            " belongs to model.weights=low-rank",
        ),
        (
            ["model.weights=spectral", "model.weights.rank=3"],
            "model.weights.rank=3: unknown key model.weights.rank; spectral has no option 'rank', which"
            " belongs to model.weights=low-rank",
        ),
        (
            ["model.weights=spectral", "model.weights.bound=0"],
            "model.weights.bound=0: expected a number greate",
        ),
        (
            ["model.weights=orthogonall"],
            "model.weights=orthogonall: there is no model.weights 'orthogonall'; expected one of none,"
            " orthogonal, spectral, weight-norm, dale, sparse, low-rank; did you mean 'orthogonal'?",
        ),
        (
            ["model.block.gate=true"],
            "model.block.gate=true: unknown key model.block.gate; none has no option",
        ),
    ],
)
def test_a_wrong_option_on_the_command_line_is_one_sentence(overrides, sentence):
    with pytest.raises(InvalidOption) as told:
        Experiment.compose("copy", "lstm", overrides=overrides)
    assert str(told.value).startswith(sentence)
    assert "\n" not in str(told.value)

"""The options of a model that put residual blocks around its cells."""

import pytest
import torch

from recurra import InvalidOption, Ref
from recurra_contract import ToyTask
from recurra_lab import Experiment, Model
from recurra_wrappers import Bidirectional, Block, Layers, SpectralWeights, Stacked, Zoneout

TOY = Ref("cell", "lstm", hidden_size=5)
MAMBA_LIKE = {"name": "residual", "norm": "rms", "convolution": 4, "gate": True, "expand": 2.0, "width": 6}


def test_layers_are_blocks_and_the_last_one_normalises():
    model = Model(ToyTask(), TOY, layers=3, block=MAMBA_LIKE)
    assert isinstance(model.sequencer, Stacked)
    blocks = list(model.sequencer.layers)
    assert [type(block) for block in blocks] == [Block] * 3
    width = ToyTask().input_size
    assert [(block.input_size, block.cell.input_size, block.output_size) for block in blocks] == [
        (width, 12, 6),
        (6, 12, 6),
        (6, 12, 6),
    ]
    assert [block.options["norm_output"] for block in blocks] == [False, False, True]
    assert {block.options["convolution"] for block in blocks} == {4}


def test_blocks_of_different_cells_are_mixed():
    stack = [Ref("cell", "gru", hidden_size=7), "elman"]
    model = Model(ToyTask(), TOY, layers=2, stack=stack, block={"name": "residual", "width": 6})
    kinds = [type(block.cell).__name__ for block in model.sequencer.layers]
    assert kinds == ["LSTM", "LSTM", "GRU", "Elman"]
    x = torch.randn(2, 5, ToyTask().input_size)
    assert model(x)[0].shape == (2, 5, ToyTask().output_size)


def test_other_wrappers_are_inside_and_directions_outside():
    block = {"name": "residual", "width": 6}
    model = Model(ToyTask(), TOY, block=block, zoneout={"p": 0.1})
    assert isinstance(model.sequencer, Block)
    assert isinstance(model.sequencer.cell, Zoneout)
    both = Model(ToyTask(), TOY, layers=2, block=block, bidirectional=True).sequencer
    assert isinstance(both, Layers)
    assert all(isinstance(layer, Bidirectional) and isinstance(layer.ahead, Block) for layer in both.layers)
    assert [layer.ahead.input_size for layer in both.layers] == [ToyTask().input_size, 12]


def test_there_are_no_blocks_unless_asked_for():
    assert not any(isinstance(module, Block) for module in Model(ToyTask(), TOY).modules())


def test_options_of_a_block_need_a_block():
    with pytest.raises(InvalidOption, match="convolution"):
        Model(ToyTask(), TOY, block={"name": "none", "convolution": 4})


def test_a_name_alone_stands_for_its_options():
    model = Model(ToyTask(), TOY, block="residual", weights="spectral")
    assert isinstance(model.sequencer, Block)
    assert isinstance(model.sequencer.cell, SpectralWeights)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"block": {"name": "residual", "width": 0}}, "block.width = 0: expected an integer greater than 0"),
        ({"block": {"name": "residual", "residual": 3}}, "block.residual = 3: expected true or false"),
        (
            {"weights": {"name": "spectral", "bound": 0}},
            "weights.bound = 0: expected a number greater than 0",
        ),
        ({"weights": 3}, "weights = 3: expected weights with a name, one of none, orthogonal"),
    ],
)
def test_a_wrong_option_inside_is_named(options, sentence):
    with pytest.raises(InvalidOption, match=sentence.replace(".", r"\.")):
        Model(ToyTask(), TOY, **options)


def test_a_wrong_option_of_a_block_is_named_in_an_experiment():
    overrides = ["model.block=residual", "model.block.width=0"]
    with pytest.raises(InvalidOption, match=r"^model\.block\.width=0: expected an integer greater than 0"):
        Experiment.compose("copy", "gru", overrides=overrides)

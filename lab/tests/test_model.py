"""The model of a run: what it puts around a cell, and which cells it refuses."""

import re

import pytest
import torch
from torch import nn

from recurra import Cell, GeneratedTask, IncompatibleParts, InvalidInput, InvalidOption, Ref, Tags
from recurra.plugins import registry
from recurra_lab import Model, export
from recurra_wrappers import (
    Bidirectional,
    LayerNormalised,
    Layers,
    LearnedInitialState,
    NormalisedLinears,
    RecurrentDropout,
    Stacked,
    Zoneout,
)


class Plain(Cell[tuple]):
    """y = h' = tanh(W [x, h] + b)."""

    def __init__(self, input_size, *, hidden_size: int = 4):
        super().__init__(input_size, hidden_size)
        self.mix = nn.Linear(input_size + hidden_size, hidden_size)

    def initial_state(self, batch_size):
        return (self.zeros(batch_size, self.output_size),)

    def step(self, x, state):
        h = torch.tanh(self.mix(torch.cat([x, state[0]], -1)))
        return h, (h,)


class Branching(Plain):
    """A cell that reads trees."""

    tags = Tags(input_kind="trees", exact_gradient=False)


class Given(GeneratedTask):
    """Only says what it gives."""

    def __init__(self, gives="vectors"):
        super().__init__(3, 2)
        self.input_kind = gives

    def sample(self, batch_size, rng):
        raise AssertionError

    def loss(self, y, batch):
        raise AssertionError

    def scores(self, y, batch):
        raise AssertionError


@pytest.fixture(autouse=True)
def _cells(monkeypatch):
    cells = {"plain": Plain, "branching": Branching}
    monkeypatch.setattr(registry, "load", lambda kind, name: cells[name])
    torch.manual_seed(0)


PLAIN = Ref("cell", "plain")


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_a_model_is_a_cell_and_a_readout():
    model, x = Model(Given(), PLAIN), torch.randn(2, 5, 3)
    y, state = model(x)
    h, expected = model.sequencer(x)
    assert torch.equal(y, model.readout(h))
    assert torch.equal(state[0], expected[0])
    assert isinstance(model.sequencer, Plain)
    assert count(model) == 4 * (3 + 4 + 1) + 2 * (4 + 1)
    assert not model.readout.bias.any()


def test_a_readout_without_biases_starts_within_its_range():
    model = Model(Given(), PLAIN, readout_bias=False, readout_init_range=0.05)
    assert model.readout.bias is None
    assert 0 < model.readout.weight.abs().max() <= 0.05
    assert Model(Given(), PLAIN, readout_init_range=0.05).readout.bias.any()


def test_state_and_lengths_reach_the_cell():
    model, x = Model(Given(), PLAIN), torch.randn(2, 5, 3)
    whole, _ = model(x)
    first, state = model(x[:, :2])
    second, _ = model(x[:, 2:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    y, _ = model(x, lengths=torch.tensor([5, 1]))
    assert torch.equal(y[1, 1:], model.readout.bias.expand(4, -1))


def test_the_cells_options_are_the_references():
    model = Model(Given(), Ref("cell", "plain", hidden_size=7), layers=3)
    assert isinstance(model.sequencer, Stacked)
    assert [(layer.input_size, layer.output_size) for layer in model.sequencer.layers] == [
        (3, 7),
        (7, 7),
        (7, 7),
    ]
    assert count(model) == 7 * (3 + 7 + 1) + 2 * 7 * (7 + 7 + 1) + 2 * (7 + 1)


def test_both_directions_double_the_width_of_each_layer():
    one = Model(Given(), PLAIN, bidirectional=True)
    assert isinstance(one.sequencer, Bidirectional)
    two = Model(Given(), PLAIN, bidirectional=True, layers=2)
    assert isinstance(two.sequencer, Layers)
    assert count(two) == 2 * 4 * (3 + 4 + 1) + 2 * 4 * (8 + 4 + 1) + 2 * (8 + 1)
    y, _ = two(torch.randn(2, 5, 3), lengths=torch.tensor([5, 2]))
    assert y.shape == (2, 5, 2)


def test_tokens_are_embedded():
    model = Model(Given("tokens"), PLAIN, embedding_size=6)
    tokens = torch.tensor([[0, 1, 2, 2], [2, 0, 0, 1]])
    y, _ = model(tokens)
    expected, _ = model.sequencer(model.embedding.weight[tokens])
    assert torch.equal(y, model.readout(expected))
    assert count(model) == 3 * 6 + 4 * (6 + 4 + 1) + 2 * (4 + 1)
    y.sum().backward()
    assert model.embedding.weight.grad.any()


@pytest.mark.parametrize("tokens", [torch.zeros(2, 4), torch.zeros(2, 4, 3).long(), torch.zeros(4).long()])
def test_what_is_not_tokens_is_refused(tokens):
    told = f"Model: tokens must be (batch, time) of torch.int64 or torch.int32, got {tuple(tokens.shape)} of "
    with pytest.raises(InvalidInput, match=f"^{re.escape(told)}"):
        Model(Given("tokens"), PLAIN)(tokens)


def test_a_model_of_tokens_is_exported():
    model = Model(Given("tokens"), PLAIN).eval()
    program = export(model).module()
    tokens = torch.tensor([[0, 1, 2, 2, 1, 0, 0]])
    torch.testing.assert_close(program(tokens)[0], model(tokens)[0])


@pytest.mark.parametrize(("tokens", "span"), [([[0, 3]], "0 to 3"), ([[2, -1]], "-1 to 2")])
def test_tokens_that_are_not_in_the_vocabulary_are_refused(tokens, span):
    with pytest.raises(InvalidInput, match=f"^Model: tokens must lie between 0 and 2, got {span}$"):
        Model(Given("tokens"), PLAIN)(torch.tensor(tokens))


@pytest.mark.parametrize("gives", ["vectors", "tokens"])
def test_a_cell_for_trees_cannot_read_a_sequence(gives):
    told = (
        f"^cell 'branching' reads trees, but task 'Given' provides {gives}; choose a cell that reads vectors$"
    )
    with pytest.raises(IncompatibleParts, match=told):
        Model(Given(gives), Ref("cell", "branching"))


def test_trees_of_tokens_are_embedded_and_keep_their_arities():
    model = Model(Given("token-trees"), Ref("cell", "branching"), embedding_size=6)
    trees = torch.tensor([[[0, 0], [1, 0], [2, 2]], [[2, 0], [2, 1], [0, 7]]])
    y, _ = model(trees)
    vectors = torch.cat([model.embedding.weight[trees[..., 0]], trees[..., 1:].float()], -1)
    assert torch.equal(model.embedding(trees), vectors)
    expected, _ = model.sequencer(vectors)
    assert torch.equal(y, model.readout(expected))
    assert model.sequencer.input_size == 7
    assert count(model) == 3 * 6 + 4 * (7 + 4 + 1) + 2 * (4 + 1)
    y.sum().backward()
    assert model.embedding.weight.grad.any()


@pytest.mark.parametrize(
    "trees", [torch.zeros(2, 4, 2), torch.zeros(2, 4, 3).long(), torch.zeros(2, 4).long()]
)
def test_what_is_not_trees_of_tokens_is_refused(trees):
    wanted = "trees of tokens must be (batch, time, 2) of torch.int64 or torch.int32"
    with pytest.raises(InvalidInput, match=re.escape(f"Model: {wanted}, got {tuple(trees.shape)} of ")):
        Model(Given("token-trees"), Ref("cell", "branching"))(trees)


@pytest.mark.parametrize(("token", "span"), [(3, "0 to 3"), (-1, "-1 to 0")])
def test_tokens_of_trees_that_are_not_in_the_vocabulary_are_refused(token, span):
    trees = torch.tensor([[[0, 9], [token, 0]]])
    with pytest.raises(InvalidInput, match=f"^Model: tokens must lie between 0 and 2, got {span}$"):
        Model(Given("token-trees"), Ref("cell", "branching"))(trees)


def test_trees_of_tokens_need_a_cell_for_trees():
    told = (
        "^cell 'plain' reads vectors, but task 'Given' provides token-trees; choose a cell that reads trees$"
    )
    with pytest.raises(IncompatibleParts, match=told):
        Model(Given("token-trees"), PLAIN)


def test_a_cell_for_sequences_cannot_read_trees():
    told = "^cell 'plain' reads vectors, but task 'Given' provides trees; choose a cell that reads trees$"
    with pytest.raises(IncompatibleParts, match=told):
        Model(Given("trees"), PLAIN, layers=2)


TREES = Ref("cell", "branching")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"layers": 2}, "^Stacked: layer 2, Branching, reads trees"),
        ({"layers": 2, "skip": True}, "^Stacked: layer 2, Branching, reads trees"),
        ({"stack": [PLAIN, TREES]}, "^Stacked: layer 3, Branching, reads trees"),
        ({"bidirectional": True}, "^Bidirectional: Branching reads trees"),
    ],
)
def test_a_model_whose_upper_layers_or_backward_cells_read_trees_is_refused(options, told):
    with pytest.raises(IncompatibleParts, match=told):
        Model(Given("trees"), TREES, **options)
    assert Model(Given("trees"), TREES, stack=[PLAIN]).tags.input_kind == "trees"


def test_a_layer_given_as_a_table_may_have_an_option_kind():
    with pytest.raises(InvalidOption, match="unknown option 'kind'"):
        Model(Given(), PLAIN, stack=[{"name": "plain", "kind": "fast"}])


def test_a_model_promises_what_all_its_cells_promise():
    assert Model(Given(), PLAIN, layers=2).tags == Tags()
    assert Model(Given("trees"), Ref("cell", "branching")).tags == Tags(
        input_kind="trees", exact_gradient=False
    )


def test_layers_may_skip_and_drop():
    model = Model(Given(), PLAIN, layers=3, skip=True, dropout=0.25)
    assert [layer.input_size for layer in model.sequencer.layers] == [3, 3 + 4, 3 + 4]
    assert model.readout.in_features == 3 * 4
    assert (model.sequencer.dropout, model.tags) == (0.25, Tags(stochastic=True))
    both = Model(Given(), PLAIN, layers=2, skip=True, bidirectional=True)
    assert [layer.input_size for layer in both.sequencer.layers] == [3, 3 + 8]
    assert both(torch.randn(2, 5, 3))[0].shape == (2, 5, 2)
    with pytest.raises(InvalidOption, match=r"^Stacked: dropout = 0\.25 applies between layers"):
        Model(Given(), PLAIN, dropout=0.25)


def test_cells_of_other_kinds_and_sizes_go_on_top():
    above = ["plain", {"name": "plain", "hidden_size": 6}, Ref("cell", "plain", hidden_size=2)]
    model = Model(Given(), PLAIN, stack=above)
    assert [(c.input_size, c.output_size) for c in model.sequencer.layers] == [(3, 4), (4, 4), (4, 6), (6, 2)]
    assert model.options.stack[1] == Ref("cell", "plain", hidden_size=6)
    for wrong in (["plain", 3], [{"hidden_size": 3}], [Ref("memory", "plain")]):
        with pytest.raises(InvalidOption, match=r"^Model: stack.*expected cells, such as"):
            Model(Given(), PLAIN, stack=wrong)


def test_every_cell_is_wrapped_the_step_within_what_drops_its_results():
    options = {"zoneout": {"p": 0.1, "only": ("0",)}, "recurrent_dropout": {"inputs": 0.2, "outputs": 0.3}}
    model = Model(
        Given(), PLAIN, bidirectional=True, layer_norm="linears", learned_initial_state=True, **options
    )
    for wrapped in (model.sequencer.ahead, model.sequencer.back):
        chain, cell = [], wrapped
        while not isinstance(cell, Plain):
            chain, cell = [*chain, type(cell)], cell.cell
        assert chain == [RecurrentDropout, Zoneout, LearnedInitialState, NormalisedLinears]
        assert (wrapped.inputs, wrapped.outputs, wrapped.cell.p) == (0.2, 0.3, 0.1)
    assert model.tags == Tags(stochastic=True)
    x, lengths = torch.randn(2, 5, 3), torch.tensor([5, 2])
    assert model(x, lengths=lengths)[0].shape == (2, 5, 2)
    assert not torch.equal(model(x)[0], model(x)[0])
    model.eval()
    assert torch.equal(model(x)[0], model(x)[0])


@pytest.mark.parametrize("what", ["outputs", "states"])
def test_what_is_normalised_can_be_chosen(what):
    cell = Model(Given(), PLAIN, layer_norm=what).sequencer
    assert isinstance(cell, LayerNormalised)
    assert ((cell.outputs is not None), len(cell.states)) == ((True, 0) if what == "outputs" else (False, 1))


def test_wrong_options_of_wrappers_are_refused_by_name():
    for options, told in (
        ({"zoneout": {"p": 2.0}}, "Model: zoneout.p = 2.0"),
        ({"zoneout": {"q": 0.5}}, "Model: unknown option 'zoneout.q'"),
        ({"recurrent_dropout": {"states": 0.5}}, "RecurrentDropout: states = 0.5 needs only"),
        ({"recurrent_dropout": {"input": 0.5}}, "Model: unknown option 'recurrent_dropout.input'"),
    ):
        with pytest.raises(InvalidOption, match=f"^{re.escape(told)}"):
            Model(Given(), PLAIN, **options)


def test_defaults_wrap_nothing():
    assert type(Model(Given(), PLAIN, zoneout={}, recurrent_dropout={"inputs": 0.0}).sequencer) is Plain


@pytest.mark.parametrize(
    "options", [{"layers": 0}, {"embedding_size": -1}, {"layer": 2}, {"bidirectional": "no"}]
)
def test_wrong_options_are_refused(options):
    with pytest.raises(InvalidOption, match=f"^Model: .*{next(iter(options))}"):
        Model(Given(), PLAIN, **options)

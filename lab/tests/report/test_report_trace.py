"""What a trace records of a model: outputs, inputs and views, step by step."""

import pytest
import torch

from recurra import Batch
from recurra_lab.reports.rollout import example, trace

from .report_parts import Classes, Echo, make


@pytest.mark.parametrize(
    "options", [{}, {"layers": 2}, {"bidirectional": True}, {"layers": 2, "bidirectional": True}]
)
@pytest.mark.parametrize("task", [Echo(), Classes()])
def test_traced_outputs_are_those_of_the_model(task, options):
    model, batch = make(task, **options).eval(), example(task, 0)
    seen = trace(model, task, batch)
    with torch.no_grad():
        y, _ = model(batch.x, lengths=batch.lengths)
    length = int(batch.lengths[0])
    torch.testing.assert_close(seen.outputs, task.predict(y)[0, :length])
    assert seen.outputs.shape == seen.target.shape == (length, task.output_size)
    assert seen.inputs.shape == (length, task.input_size)
    assert seen.mask.tolist() == batch.mask[0, :length].tolist()


def test_views_are_stacked_in_the_order_of_time():
    seen = trace(make(Echo()), Echo(), example(Echo(), 0))
    assert list(seen.views) == ["steps", "hidden <units>"]
    assert seen.views["steps"][:, 0].tolist() == list(range(1, len(seen.mask) + 1))
    assert seen.views["hidden <units>"].shape == (len(seen.mask), 3)


def test_every_layer_of_a_stack_is_seen():
    seen = trace(make(Echo(), layers=2), Echo(), example(Echo(), 0))
    assert list(seen.views)[::2] == ["layer 1: steps", "layer 2: steps"]


def test_a_sequencer_that_cannot_be_stepped_shows_its_outputs_alone():
    assert trace(make(Echo(), bidirectional=True), Echo(), example(Echo(), 0)).views == {}


def test_tokens_and_classes_become_one_hot_and_ignored_classes_nothing():
    task, batch = Classes(), example(Classes(), 3)
    seen = trace(make(task), task, batch)
    assert seen.inputs.argmax(1).tolist() == batch.x[0].tolist()
    assert seen.inputs.sum(1).tolist() == [1] * 6
    assert seen.target.sum(1).tolist() == [0, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("training", [True, False])
def test_tracing_leaves_mode_gradients_and_random_numbers_alone(training):
    model = make(Echo()).train(training)
    before = torch.get_rng_state()
    seen = trace(model, Echo(), example(Echo(), 0))
    assert model.training is training
    assert model.sequencer.dropout.training is training
    assert torch.equal(torch.get_rng_state(), before)
    assert not seen.outputs.requires_grad
    again = trace(model, Echo(), example(Echo(), 0))
    assert torch.equal(seen.outputs, again.outputs)


def test_the_example_is_the_longest_of_the_first_but_not_endless():
    lengths = [3, 150, 200, 201, 5000, 10, 10, 10]

    class Given(Echo):
        def batch(self, k, *, batch_size, seed, split):
            assert (batch_size, split) == (1, "test")
            n = lengths[k]
            return Batch(torch.zeros(1, n, 2), torch.zeros(1, n, 2), torch.ones(1, n) > 0, torch.tensor([n]))

    assert example(Given(), 0).lengths.tolist() == [200]
    lengths[:] = [900, 700, 800, 700, 900, 900, 900, 900]
    assert example(Given(), 0).lengths.tolist() == [700]

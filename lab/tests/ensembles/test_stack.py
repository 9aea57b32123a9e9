"""Stacked modules: their clipping and their optimizer's state are those of each alone."""

import pytest
import torch

from recurra_lab.ensembles.obstacles import obstacle
from recurra_lab.ensembles.stack import Stack, join_optimizers, split_optimizer, tensors_of
from recurra_lab.runs.run import Run
from recurra_lab.training.optim.clipping import clip, clip_each


@pytest.fixture
def runs(tmp_path, compose):
    """Return what prepares two runs that differ in their seed."""

    def runs(*overrides, **parts):
        from recurra_lab.artifacts.run_folder import RunFolder

        each = compose("run.seeds=2", *overrides, **parts).of_each_seed()
        return [Run(one, RunFolder(tmp_path), lambda _: None) for one in each]

    return runs


def stack_of(runs):
    modules = [run.parts.module for run in runs]
    return Stack(modules[0], [tensors_of(module) for module in modules])


def test_the_module_can_be_each(runs):
    two = runs()
    stack, second = stack_of(two), dict(two[1].parts.module.named_parameters())
    turned = stack.turn(1)
    assert turned is two[0].parts.module
    for name, own in turned.named_parameters():
        assert torch.equal(own, second[name])
    turned.batches_seen += 3
    assert stack.tensors["batches_seen"].tolist() == [0, 3]


@pytest.mark.parametrize(
    ("value", "norm"), [(None, 0.5), (0.1, None), (0.1, 0.2), (None, 100.0), (None, None)]
)
def test_each_gradient_is_clipped_by_itself(value, norm):
    stacked = [torch.nn.Parameter(torch.zeros(3, *shape)) for shape in ((4, 2), (5,), ())]
    for weight in stacked:
        weight.grad = torch.randn(weight.shape)
    singles = []
    for i in range(3):
        own = [torch.nn.Parameter(weight[i].detach()) for weight in stacked]
        for weight, single in zip(stacked, own, strict=True):
            single.grad = weight.grad[i].clone()
        singles.append((own, clip(own, value, norm)))
    norms = clip_each(stacked, value, norm)
    for i, (own, before) in enumerate(singles):
        assert (norms is None) == (before is None)
        if before is not None:
            torch.testing.assert_close(norms[i], before)
        for weight, single in zip(stacked, own, strict=True):
            torch.testing.assert_close(weight.grad[i], single.grad)


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop", "graves-rmsprop", "adagrad"])
def test_the_optimizer_can_be_split_and_joined(runs, name):
    momentum = ["trainer.optimizer.momentum=0.5"] if name == "sgd" else []
    stack = stack_of(runs(f"trainer.optimizer={name}", *momentum))
    optimizer = stack.rule.optimization.optimizer.build(stack.parameter_groups())
    alone = stack.rule.optimization.optimizer.build(stack.rule.parameter_groups())
    for i in (0, 1):
        for weight, own in zip(stack.optimized(), stack.turn(i).parameters(), strict=True):
            own.grad = weight.grad[i].clone() if weight.grad is not None else None
    for weight in stack.optimized():
        weight.grad = torch.randn(weight.shape)
    optimizer.step()
    parts = [split_optimizer(optimizer.state_dict(), stack.optimized(), i) for i in (0, 1)]
    alone.load_state_dict(parts[1])
    for own, state in alone.state.items():
        assert all(value.shape in ((), own.shape) for value in state.values() if value is not None)
    again = join_optimizers(parts, stack.optimized())
    before = optimizer.state_dict()
    assert again["param_groups"] == before["param_groups"]
    for number, state in before["state"].items():
        for key, value in state.items():
            assert torch.equal(again["state"][number][key], value), key


def test_those_that_stay_keep_their_state(runs):
    stack = stack_of(runs())
    optimizer = stack.rule.optimization.optimizer.build(stack.parameter_groups())
    for weight in stack.parameters:
        weight.grad = torch.randn(weight.shape)
    optimizer.step()
    weight = stack.parameters[0]
    mean, value = optimizer.state[weight]["exp_avg"][1].clone(), weight.detach()[1].clone()
    stack.keep([1], [optimizer])
    left = stack.parameters[0]
    assert [id(weight) for weight in stack.optimized()] == [
        id(weight) for group in optimizer.param_groups for weight in group["params"]
    ]
    assert torch.equal(optimizer.state[left]["exp_avg"], mean[None])
    assert torch.equal(left, value[None])
    left.sum().backward()
    assert stack.tensors["batches_seen"].shape == (1,)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ([], None),
        (["run.accumulate=2"], "run.accumulate = 2"),
        (["run.precision=64-true"], "run.precision = 64-true"),
        (["trainer.k1=2"], "trainer.k1 is set"),
        (["trainer.weight_noise=0.1"], "trainer.weight_noise is set"),
        (["trainer.gradient_noise=0.1"], "trainer.gradient_noise is set"),
        (["trainer.averaging=ema"], "trainer.averaging is set"),
        (["trainer.optimizer=lbfgs"], "the optimizer 'lbfgs' does not update every weight by itself"),
        (["trainer=guessing"], "trainer 'guessing' does not follow a gradient"),
        (["trainer=rtrl"], "RTRLModule does not follow the gradient of the task's loss alone"),
        (["model.layers=2", "model.bidirectional=true"], "Layers is not one cell that runs step by step"),
        (["model.recurrent_dropout.outputs=0.5"], "draws random numbers"),
    ],
)
def test_what_cannot_be_stacked_is_told(runs, overrides, reason):
    found = obstacle(runs(*overrides))
    assert found is None if reason is None else reason in found


def test_networks_that_differ_in_an_attribute_are_not_stacked(runs):
    two = runs()
    two[1].parts.model.sequencer.mask = torch.ones(2)
    two[0].parts.model.sequencer.mask = torch.zeros(2)
    assert obstacle(two) == "the networks differ in more than their parameters and buffers"

"""What does not fit into memory is refused by name before it is allocated."""

import pytest
import torch

from recurra import InvalidOption
from recurra_lab import Experiment
from recurra_lab.runs import memory
from recurra_lab.runs.build import build

HUGE = 2**40


@pytest.mark.parametrize(
    ("cell", "option"),
    [
        ("ntm", f"cell.memory.width={2**63 - 1}"),
        ("ntm", f"cell.memory.width={HUGE}"),
        ("ntm", f"cell.memory.slots={HUGE}"),
        ("lstm", f"run.batch_size={HUGE}"),
        ("lstm", f"run.evaluation_batch_size={HUGE}"),
    ],
)
def test_an_option_that_is_too_large_is_named(cell, option):
    experiment = Experiment.compose("copy", cell, overrides=[option])
    key, _, value = option.partition("=")
    with pytest.raises(InvalidOption) as caught:
        build(experiment)
    assert str(caught.value).startswith("out of memory: the experiment needs at least ")
    assert str(caught.value).endswith(f"; the largest option is {key} = {value}; make it smaller")


def test_sizes_are_summed_before_they_are_allocated(monkeypatch):
    monkeypatch.setattr(memory, "physical_bytes", lambda: 1000)
    with memory.Bounded() as bounded:
        torch.zeros(10, 10)
        torch.zeros(3).new_ones(4, 5, dtype=torch.float64)
        assert bounded.created == 400 + 12 + 160
        with pytest.raises(MemoryError):
            torch.rand(500, generator=torch.Generator())


def test_other_errors_are_left_alone(compose):
    with pytest.raises(RuntimeError, match="something else"), memory.memory_errors_named(compose(), "cell"):
        raise RuntimeError("something else")


def test_a_failed_allocation_in_training_is_named(start, monkeypatch):
    _, run, _ = start("task.max_length=3")

    def broken(*arguments, **options):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    monkeypatch.setattr(type(run.parts.task), "batch", broken)
    with pytest.raises(InvalidOption, match=r"out of memory; the largest option is task\.bits = 8"):
        run.start()


def test_the_size_of_the_machine_may_be_unknown(monkeypatch):
    monkeypatch.delattr("os.sysconf")
    assert memory.physical_bytes() == float("inf")


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, f"[1, {2**63}]"])
def test_no_integer_has_more_than_64_bits(compose, value):
    with pytest.raises(InvalidOption, match=rf"at most {2**63 - 1}"):
        compose(f"run.validation_batches={value}", f"seed={value}")


@pytest.mark.parametrize("option", ["run.workers", "run.threads", "run.devices", "run.nodes", "model.layers"])
def test_the_number_of_processes_and_layers_is_bounded(compose, option):
    with pytest.raises(InvalidOption, match="at most"):
        compose(f"{option}=1000000")


def test_the_largest_seed_seeds_every_task(compose):
    for task in ("copy", "time-series", "mackey-glass"):
        words = [f"seed={2**63 - 1}"]
        experiment = compose(*words, task=task, cell="gru")
        assert (
            build(experiment).task.batch(0, batch_size=2, seed=experiment.seed, split="train").x.shape[0] == 2
        )

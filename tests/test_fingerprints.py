"""The data of every installed task is what it was when it was noted down: same seed, same bytes, for ever."""

import hashlib
import json
from pathlib import Path

import pytest

from recurra.plugins.registry import components, load
from recurra_contract import CheckFailed, ToyTask, check_fingerprint, fingerprint
from recurra_contract.fingerprints import changed, content, fingerprints

GOLDEN = json.loads((Path(__file__).parent / "golden" / "fingerprints.json").read_text("utf-8"))
AGAIN = "run python tools/regenerate_fingerprints.py"
TASKS = [offer.qualified for offer in components("task")]
MAIN_JOB = "3023f711137a1e2dcec290966405329ae2b749ff5eaad4ccfc60ac62994d2812"
"""Of 16 sequences of `copy`, batch 0 of training with seed 0."""


@pytest.mark.parametrize("name", TASKS)
def test_the_data_is_what_it_was(name):
    assert name in GOLDEN, f"{name} is new: {AGAIN}"
    task = load("task", name)()
    noted, now = GOLDEN[name], fingerprints(task)
    assert task.version == noted["version"], f"{name} has a new version: {AGAIN}"
    assert list(now) == list(noted["fingerprints"]), f"the suite of {name} has other variants: {AGAIN}"
    for variant, found in now.items():
        assert found == noted["fingerprints"][variant], changed(f"{name} ({variant})", found)


def test_nothing_is_noted_down_of_a_task_that_is_gone():
    assert sorted(GOLDEN) == sorted(TASKS)


def test_every_task_has_a_stream_of_its_own():
    streams = [load("task", name).stream for name in TASKS]
    assert len(set(streams)) == len(streams)


def test_the_first_batch_of_the_main_job_is_what_it_was():
    batch = load("task", "copy")().batch(0, batch_size=16, seed=0, split="train")
    digest = hashlib.sha256(b"".join(content(part) for part in batch)).hexdigest()
    assert digest == MAIN_JOB, changed("copy", digest)


class Other(ToyTask):
    def sample(self, batch_size, rng):
        batch = super().sample(batch_size, rng)
        return batch._replace(target=batch.target + 1e-6 * batch.mask[:, :, None])


class Newer(ToyTask):
    version = 2


def test_a_small_change_of_the_data_is_noticed():
    noted = fingerprint(ToyTask())
    check_fingerprint(ToyTask(), noted)
    with pytest.raises(CheckFailed, match=r"Other gives different data .* or raise the task's `version`"):
        check_fingerprint(Other(), noted)


def test_a_new_version_has_a_new_fingerprint():
    assert fingerprint(Newer()) != fingerprint(ToyTask())


def test_tensors_that_hold_the_same_bytes_in_another_shape_or_type_differ():
    class Wide(ToyTask):
        def sample(self, batch_size, rng):
            batch = super().sample(batch_size, rng)
            return batch._replace(mask=batch.mask.byte())

    assert fingerprint(Wide()) != fingerprint(ToyTask())

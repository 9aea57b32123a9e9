"""Prediction of notes on small pieces: what is shown, what is due, and every nat worked out note by note."""

import math

import numpy as np
import pytest
import torch

from recurra_lab import load_snapshot, write_snapshot
from recurra_music.piano_roll_task import PUBLISHED, PianoRoll
from recurra_music.synthetic import NUMBERS, synthetic

SPLITS = ("train", "validation", "test")


def draw(task, split="test", k=0, batch_size=3, seed=0):
    return task.batch(k, batch_size=batch_size, seed=seed, split=split)


def test_every_step_but_the_last_is_shown_and_the_next_is_due(folder, parts):
    task = PianoRoll(folder=folder)
    assert (task.input_size, task.output_size, task.goal.below) == (88, 88, 8.54)
    batch = draw(task)
    assert batch.x.dtype == batch.target.dtype == torch.float32
    assert batch.lengths.tolist() == [len(piece) - 1 for piece in parts["test"]]
    assert batch.x.shape == batch.target.shape == (3, int(batch.lengths.max()), 88)
    for n, piece in enumerate(parts["test"]):
        steps = len(piece) - 1
        assert torch.equal(batch.x[n, :steps], torch.tensor(piece[:-1]).float())
        assert torch.equal(batch.target[n, :steps], torch.tensor(piece[1:]).float())
        assert batch.mask[n].tolist() == [t < steps for t in range(batch.x.shape[1])]
        assert not batch.x[n, steps:].any()
        assert not batch.target[n, steps:].any()


def test_each_collection_is_a_file_and_has_the_goal_of_its_paper(tmp_path, parts, write_mat):
    for n, collection in enumerate(PUBLISHED):
        changed = {**parts, "test": parts["test"][: n + 1] if n < 3 else parts["validation"]}
        write_mat(tmp_path / f"{collection}.mat", changed)
    tasks = {collection: PianoRoll(folder=tmp_path, collection=collection) for collection in PUBLISHED}
    assert [task.count("test") for task in tasks.values()] == [1, 2, 3, 2]
    assert {name: task.goal.below for name, task in tasks.items()} == {
        "JSB_Chorales": 8.54,
        "Nottingham": 3.13,
        "MuseData": 5.99,
        "Piano_midi": 8.82,
    }


def test_nats_are_summed_over_notes_and_averaged_over_the_steps_of_all_pieces(folder, parts):
    task = PianoRoll(folder=folder)
    batch = draw(task)
    y = torch.randn(batch.target.shape, generator=torch.Generator().manual_seed(0))
    nats, steps = 0.0, 0
    for n, piece in enumerate(parts["test"]):
        for t, due in enumerate(piece[1:]):
            p = [1 / (1 + math.exp(-value)) for value in y[n, t].tolist()]
            nats -= sum(math.log(q if on else 1 - q) for q, on in zip(p, due, strict=True))
            steps += 1
    score = task.scores(y, batch)["nats_per_step"]
    assert score == pytest.approx((nats, steps), rel=1e-6)
    assert task.loss(y, batch).item() == pytest.approx(nats / steps, rel=1e-5)


def test_a_guess_of_one_half_costs_88_log_2(folder):
    task = PianoRoll(folder=folder)
    batch = draw(task)
    assert task.scores(torch.zeros_like(batch.target), batch)["nats_per_step"].value == pytest.approx(
        88 * math.log(2)
    )
    assert task.scores(task.oracle(batch), batch)["nats_per_step"].value < 1e-9


def test_every_piece_comes_once_before_any_comes_again(folder):
    task = PianoRoll(folder=folder)

    def marks(split, batches, seed=0):
        return [draw(task, split, k, 1, seed).x.sum().item() for k in range(batches)]

    turns = np.array(marks("train", 20)).reshape(4, 5)
    assert len({tuple(sorted(turn)) for turn in turns}) == 1
    assert len({tuple(turn) for turn in turns}) > 1
    assert marks("train", 5, seed=1) != turns[0].tolist()
    assert marks("test", 6, seed=1) == 2 * marks("test", 3)


def test_the_constant_is_the_frequency_of_each_note_in_the_predicted_steps(folder, parts):
    due = np.concatenate([piece[1:] for piece in parts["test"]]).astype(float)
    nats = 0.0
    for p in due.mean(0):
        nats -= sum(q * math.log(q) for q in (p, 1 - p) if q > 0)
    task = PianoRoll(folder=folder)
    assert task.baselines()["constant"] == {"nats_per_step": pytest.approx(nats)}
    batch = draw(task)
    y = torch.logit(torch.tensor(due.mean(0)), eps=1e-12).expand(batch.target.shape)
    assert task.scores(y, batch)["nats_per_step"].value == pytest.approx(nats, abs=1e-6)


def test_persistence_is_counted_in_training_note_by_note(folder, parts):
    task = PianoRoll(folder=folder)
    nats, steps = 0.0, sum(len(piece) - 1 for piece in parts["test"])
    for note in range(88):
        counts = np.full((2, 2), 0.5)
        for piece in parts["train"]:
            for before, now in zip(piece[:-1, note], piece[1:, note], strict=True):
                counts[before, now] += 1
        for piece in parts["test"]:
            for before, now in zip(piece[:-1, note], piece[1:, note], strict=True):
                nats -= math.log(counts[before, now] / counts[before].sum())
    assert task.baselines()["persistence"] == {"nats_per_step": pytest.approx(nats / steps)}


def test_the_sample_is_made_up_and_called_so(folder):
    assert list(PianoRoll().suite()) == ["synthetic-sample"]
    assert list(PianoRoll(folder=folder).suite()) == ["test"]
    pieces = synthetic()
    assert {split: len(rolls.counts) for split, rolls in pieces.items()} == NUMBERS
    for rolls in pieces.values():
        assert int(rolls.counts.sum()) == len(rolls.values)
        assert rolls.values.sum(1).unique().tolist() == [4]  # a chord and the melody
        assert set(rolls.counts.tolist()) <= set(range(16, 49, 4))


def test_a_snapshot_has_the_batches(folder, tmp_path):
    task = PianoRoll(folder=folder)
    few = {"train": 2, "validation": 1, "test": 1}
    back = load_snapshot(write_snapshot(task, tmp_path / "snapshot", batches=few, batch_size=2, seed=5))
    for split, batches in few.items():
        for k in range(batches):
            found, wanted = (
                t.batch(k, batch_size=2, seed=seed, split=split) for t, seed in ((back, 0), (task, 5))
            )
            assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))

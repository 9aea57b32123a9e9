"""MNIST as sequences, on images that the tests make: what is read, what is scored, what is held out."""

import math

import pytest
import torch

from recurra_images.mnist_task import MNIST
from recurra_images.synthetic import synthetic
from recurra_lab import load_snapshot, write_snapshot

SPLITS = ("train", "validation", "test")


def draw(task, split="test", k=0, batch_size=8, seed=0):
    return task.batch(k, batch_size=batch_size, seed=seed, split=split)


def test_pixels_are_read_row_after_row_and_the_answer_is_due_at_the_end(folder, drawn):
    images, labels = drawn(8, 2)
    task = MNIST(folder=folder)
    assert (task.input_size, task.output_size, task.goal.above) == (1, 10, 96.2)
    batch = draw(task)
    assert batch.x.shape == (8, 784, 1)
    assert batch.x.dtype == torch.float32
    for row, column in ((0, 0), (0, 27), (1, 0), (13, 5), (27, 27)):
        assert torch.allclose(batch.x[:, 28 * row + column, 0], images[:, row, column] / 255)
    assert batch.mask.nonzero().tolist() == [[n, 783] for n in range(8)]
    assert torch.equal(batch.target[:, -1], labels)
    assert batch.target.dtype == torch.int64
    assert batch.lengths.tolist() == [784] * 8


def test_rows_are_read_from_the_top(folder, drawn):
    images, labels = drawn(8, 2)
    task = MNIST(folder=folder, form="rows")
    assert (task.input_size, task.goal.above) == (28, 98)
    batch = draw(task)
    assert torch.allclose(batch.x, images / 255)
    assert batch.mask.sum(1).tolist() == [1] * 8
    assert torch.equal(batch.target[:, 27], labels)


def test_one_order_permutes_all_images(folder):
    plain, permuted = MNIST(folder=folder), MNIST(folder=folder, form="permuted")
    assert permuted.goal.above == 87.3
    assert sorted(permuted.order.tolist()) == list(range(784))
    for split in SPLITS:
        one, other = (draw(task, split) for task in (plain, permuted))
        assert torch.equal(one.x[:, permuted.order], other.x)
        assert torch.equal(one.target, other.target)
    again, another = (MNIST(folder=folder, form="permuted", permutation=seed).order for seed in (0, 1))
    assert torch.equal(permuted.order, again)
    assert int((permuted.order == another).sum()) < 10


def test_the_last_twelfth_of_the_training_images_is_held_out(folder, drawn):
    images, labels = drawn(26, 1)
    task = MNIST(folder=folder, form="rows")
    assert [task.count(split) for split in SPLITS] == [24, 2, 8]
    held_out, trained = draw(task, "validation", batch_size=2), draw(task, "train", batch_size=24)
    assert torch.allclose(held_out.x, images[24:] / 255)
    assert torch.equal(held_out.target[:, -1], labels[24:])
    assert {tuple(row) for row in trained.x.flatten(1).tolist()} == {
        tuple(row) for row in (images[:24] / 255).flatten(1).tolist()
    }


def test_of_two_training_images_one_is_held_out(folder_of, drawn):
    task = MNIST(folder=folder_of(training=drawn(2, 1), test=drawn(1, 2)))
    assert [task.count(split) for split in SPLITS] == [1, 1, 1]


def test_every_image_comes_once_before_any_comes_again(folder):
    task = MNIST(folder=folder, form="rows")
    drawn = torch.cat([draw(task, "train", k, 5).x.flatten(1).sum(1) for k in range(24)]).view(5, 24)
    assert len({tuple(sorted(turn)) for turn in drawn.tolist()}) == 1
    assert len({tuple(turn) for turn in drawn.tolist()}) == 5
    assert not torch.equal(drawn[0, :5], draw(task, "train", 0, 5, seed=1).x.flatten(1).sum(1))
    assert torch.equal(draw(task, "test", 0, seed=1).x, draw(task, "test", 1, seed=2).x)


def test_scores_by_hand(folder):
    task = MNIST(folder=folder, form="rows")
    batch = draw(task, batch_size=2)
    y = torch.zeros(2, 28, 10)
    y[0, -1, batch.target[0, -1]] = math.log(11)  # the probability is 11 / 20
    y[1, -1, (batch.target[1, -1] + 1) % 10] = math.log(11)  # and here 1 / 20
    scores = {name: score.value for name, score in task.scores(y, batch).items()}
    assert scores == {
        "accuracy_percent": pytest.approx(50),
        "nats": pytest.approx((math.log(20 / 11) + math.log(20)) / 2),
    }
    assert task.loss(y, batch).item() == pytest.approx(scores["nats"])


def test_the_constant_is_the_share_of_each_digit_in_the_test_images(folder_of, drawn):
    images, _ = drawn(8, 2)
    task = MNIST(folder=folder_of(test=(images, torch.tensor([3, 3, 3, 3, 5, 5, 0, 9]))))
    reference = task.baselines()["constant"]
    assert reference == {"accuracy_percent": 50, "nats": pytest.approx(1.75 * math.log(2))}
    batch = draw(task)
    y = torch.full((8, 784, 10), -1e9)
    y[..., [3, 5, 0, 9]] = torch.tensor([1 / 2, 1 / 4, 1 / 8, 1 / 8]).log()
    found = {name: score.value for name, score in task.scores(y, batch).items()}
    assert found == pytest.approx(reference)


def test_the_nearest_mean_is_found_by_measuring_every_distance(folder_of, drawn):
    images, labels = drawn(60, 4)
    images[:, 0, 0] = 25 * labels  # something to go by
    test, answers = drawn(9, 5)
    task = MNIST(folder=folder_of(training=(images, labels), test=(test, answers)))
    images, labels = images[:55].double().flatten(1), labels[:55]
    means = {int(label): images[labels == label].mean(0) for label in labels}
    nearest = [
        min(means, key=lambda label: (image - means[label]).norm()) for image in test.double().flatten(1)
    ]
    right = sum(one == other for one, other in zip(nearest, answers.tolist(), strict=True))
    assert task.baselines()["nearest-mean"] == {"accuracy_percent": pytest.approx(100 * right / 9)}


def test_the_sample_is_made_up_and_called_so(folder):
    assert list(MNIST().suite()) == ["synthetic-sample"]
    assert list(MNIST(folder=folder).suite()) == ["test"]
    splits = synthetic()
    assert {split: len(images.labels) for split, images in splits.items()} == {
        "train": 220,
        "validation": 20,
        "test": 40,
    }
    assert splits["test"].labels.bincount().tolist() == [4] * 10


def test_a_made_up_digit_is_drawn_by_its_segments():
    images = synthetic()["train"]
    one, eight = (images.pixels[images.labels == digit][0].view(28, 28) for digit in (1, 8))
    assert len(one.unique()) == len(eight.unique()) == 2
    # Strokes are 3 wide: a bar of 19 rows, and two of them joined by three bars of 6 columns.
    assert [int((image > 0).sum()) for image in (one, eight)] == [3 * 19, 2 * 3 * 19 + 3 * 3 * 6]


def test_a_snapshot_has_the_batches(folder, tmp_path):
    task = MNIST(folder=folder, form="permuted", permutation=3)
    few = {"train": 2, "validation": 1, "test": 1}
    back = load_snapshot(write_snapshot(task, tmp_path / "snapshot", batches=few, batch_size=4, seed=5))
    for split, batches in few.items():
        for k in range(batches):
            found, wanted = (
                t.batch(k, batch_size=4, seed=seed, split=split) for t, seed in ((back, 0), (task, 5))
            )
            assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))
    assert back.goal.above == 87.3

"""Scenes against a second, naive version in plain Python, and what simple predictors score on them."""

import math

import pytest
import torch

from recurra import InvalidOption
from recurra_trees.scenes_task import Scenes, connected, gabriel


def draw(task, batch_size=20, seed=0):
    return task.sample(batch_size, torch.Generator().manual_seed(seed))


def scenes(task, batch):
    """Yield features, centres, classes and neighbours of every scene, without its padding."""
    adjacency, classes = task.adjacency(batch), task.classes(batch)
    for row, n in enumerate(batch.lengths.tolist()):
        x = batch.x[row, :n]
        yield x[:, :-2], x[:, -2:].tolist(), classes[row, :n], adjacency[row, :n, :n]


def in_circle(one, other, third):
    middle = [(a + b) / 2 for a, b in zip(one, other, strict=True)]
    return math.dist(middle, third) < math.dist(one, other) / 2


def test_neighbours_have_no_third_centre_in_their_circle():
    task = Scenes(min_segments=1, max_segments=9)
    for _, centres, _, adjacency in scenes(task, draw(task)):
        for i, one in enumerate(centres):
            for j, other in enumerate(centres):
                others = [third for k, third in enumerate(centres) if k not in (i, j)]
                expected = i != j and not any(in_circle(one, other, third) for third in others)
                assert bool(adjacency[i, j]) == expected


def test_a_kite_by_hand():
    # The fourth centre is in the circles of the third with both others; the fifth is not there.
    centres = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.5, 5.0], [0.5, 2.0], [0.5, 0.1]]])
    there = torch.tensor([[True, True, True, True, False]])
    assert gabriel(centres, there)[0].int().tolist() == [
        [0, 1, 0, 1, 0],
        [1, 0, 0, 1, 0],
        [0, 0, 0, 1, 0],
        [1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_all_segments_of_a_scene_are_connected_and_none_is_its_own_neighbour():
    task = Scenes()
    for _, _, _, adjacency in scenes(task, draw(task)):
        assert torch.equal(adjacency, adjacency.T)
        assert not adjacency.diag().any()
        reached, waiting = {0}, [0]
        while waiting:
            new = set(adjacency[waiting.pop()].nonzero()[:, 0].tolist()) - reached
            reached |= new
            waiting += new
        assert len(reached) == len(adjacency)
        assert connected(adjacency[None]).all()


def test_connections_follow_paths():
    path = torch.zeros(1, 6, 6, dtype=torch.bool)
    for i, j in ((0, 1), (1, 2), (2, 3), (4, 5)):
        path[0, i, j] = path[0, j, i] = True
    assert connected(path)[0].int().tolist() == [[1, 1, 1, 1, 0, 0]] * 4 + [[0, 0, 0, 0, 1, 1]] * 2


def test_padding_is_zero_and_segments_come_from_left_to_right():
    task = Scenes(min_segments=2, max_segments=7)
    batch = draw(task, 50)
    assert batch.x.shape == (50, 7, 18)
    assert batch.target.shape == (50, 7, 8)
    assert set(batch.lengths.tolist()) == set(range(2, 8))
    assert torch.equal(batch.mask.sum(1), batch.lengths)
    assert not batch.x[~batch.mask].any()
    assert not batch.target[~batch.mask].any()
    for _, centres, _, _ in scenes(task, batch):
        assert centres == sorted(centres)


def test_a_short_batch_keeps_the_width_of_its_target():
    task = Scenes(min_segments=3, max_segments=30)
    batch = draw(task, 1)
    n = int(batch.lengths)
    assert n < 30
    assert batch.target.shape == (1, n, 31)
    assert task.adjacency(batch).shape == (1, n, n)


def test_without_noise_features_are_those_of_the_class():
    task = Scenes(noise=0.0)
    for features, _, classes, _ in scenes(task, draw(task)):
        assert torch.equal(features, task.looks[classes])
    assert task.baselines()["segment-alone"]["accuracy_percent"] == 100


def test_one_region_makes_one_class_of_a_scene_and_many_make_more():
    for regions in (1, 40):
        task = Scenes(regions=regions)
        kinds = [len(classes.unique()) for _, _, classes, _ in scenes(task, draw(task))]
        assert (max(kinds) == 1) == (regions == 1)


def test_neighbours_are_of_one_class_more_often_than_by_chance():
    task, same = Scenes(), []
    for _, _, classes, adjacency in scenes(task, draw(task, 200)):
        one, other = adjacency.nonzero().unbind(1)
        same += (classes[one] == classes[other]).tolist()
    assert sum(same) / len(same) > 0.5


def test_classes_are_uniform_and_noise_is_as_large_as_asked_for():
    task = Scenes(regions=200, classes=4, noise=0.5)
    features, classes = [], []
    for seen, _, named, _ in scenes(task, draw(task, 500)):
        features.append(seen - task.looks[named])
        classes.append(named)
    noise, counts = torch.cat(features), torch.bincount(torch.cat(classes))
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert noise.std().item() == pytest.approx(0.5, abs=0.01)
    assert (counts / counts.sum()).tolist() == pytest.approx([0.25] * 4, abs=0.03)


def test_what_classes_look_like_depends_on_the_world_alone():
    assert torch.equal(Scenes(world=3).looks, Scenes(world=3, noise=1.0).looks)
    assert not torch.equal(Scenes(world=3).looks, Scenes(world=4).looks)


def nearest(task, features):
    """Return the class that a list of numbers is nearest to."""
    distances = [math.dist(features, look) for look in task.looks.tolist()]
    return distances.index(min(distances))


def test_the_references_are_what_naive_predictors_score():
    task = Scenes()
    alone, known, count = 0, 0, 0
    for features, _, classes, adjacency in scenes(task, draw(task, 150, seed=8)):
        n = len(classes)
        regions = list(range(n))
        for _ in range(n):
            for i, j in adjacency.nonzero().tolist():
                if classes[i] == classes[j]:
                    regions[i] = regions[j] = min(regions[i], regions[j])
        for i in range(n):
            members = [k for k in range(n) if regions[k] == regions[i]]
            alone += nearest(task, features[i].tolist()) == int(classes[i])
            known += nearest(task, features[members].mean(0).tolist()) == int(classes[i])
        count += n
    references = {name: scores["accuracy_percent"] for name, scores in task.baselines().items()}
    assert references["constant"] == 12.5
    assert references["segment-alone"] == pytest.approx(100 * alone / count, abs=4)
    assert references["known-regions"] == pytest.approx(100 * known / count, abs=2)
    ranked = ["segment-alone", "neighbours", "mean-field", "known-regions"]
    assert sorted(ranked, key=references.get) == ranked
    assert 60 < references["segment-alone"] < 80 < 90 < references["known-regions"]


def test_the_best_answer_without_neighbours_scores_its_reference():
    task = Scenes()
    batch = draw(task, 300, seed=4)
    found = task.scores(task.nearness(batch.x[..., :-2]), batch)["accuracy_percent"].value
    assert found == pytest.approx(task.baselines()["segment-alone"]["accuracy_percent"], abs=3)


def test_the_suite_has_twice_as_many_segments_of_the_same_world():
    suite = Scenes(max_segments=14, world=2).suite()
    assert list(suite) == ["segments-12-to-14", "segments-28"]
    larger = suite["segments-28"]
    assert draw(larger, 2).lengths.tolist() == [28, 28]
    assert torch.equal(larger.looks, Scenes(world=2).looks)


def test_wrong_options_are_refused():
    with pytest.raises(InvalidOption, match=r"^Scenes: min_segments = 12 must not exceed max_segments = 5$"):
        Scenes(max_segments=5)
    with pytest.raises(InvalidOption, match="classes"):
        Scenes(classes=1)

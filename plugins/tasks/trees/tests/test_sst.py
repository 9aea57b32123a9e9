"""The sentiment task on files that the tests write, worked out by hand."""

import pytest
import torch

from recurra import DamagedFile, InvalidOption
from recurra_trees.bank import read_sample
from recurra_trees.sst_task import SST

FILM = "(3 (2 a) (4 (4 lovely) (2 film)))"
DULL = "(1 (2 a) (0 (0 dull) (2 film)))"
PLAIN = "(2 (2 A) (2 film))"
WORD = "(4 lovely)"


def draw(task, split="train", k=0, batch_size=3, seed=0):
    return task.batch(k, batch_size=batch_size, seed=seed, split=split)


def test_batches_are_worked_out_by_hand(folder):
    task = SST(folder=folder, min_count=1)
    # tokens: 0 inner nodes, 1 unknown words, then A, a, dull, film, lovely
    assert list(task.vocabulary.items()) == [("A", 2), ("a", 3), ("dull", 4), ("film", 5), ("lovely", 6)]
    assert (task.input_size, task.output_size, task.input_kind) == (7, 5, "token-trees")
    batch = draw(task, "test")
    assert batch.x.tolist() == [
        [[2, 0], [5, 0], [0, 2], [0, 0], [0, 0]],
        [[3, 0], [6, 0], [5, 0], [0, 2], [0, 2]],
        [[6, 0], [0, 0], [0, 0], [0, 0], [0, 0]],
    ]
    assert batch.lengths.tolist() == [3, 5, 1]
    assert batch.target.tolist() == [[2, 2, 2, 0, 0], [2, 4, 2, 4, 3], [4, 0, 0, 0, 0]]
    assert batch.mask.sum(1).tolist() == [3, 5, 1]


def test_rare_words_are_unknown_and_capitals_may_be_ignored(folder):
    assert list(SST(folder=folder).vocabulary) == ["a", "film"]
    assert list(SST(folder=folder, min_count=3, lowercase=True).vocabulary) == ["a", "film"]
    assert draw(SST(folder=folder), "test").x[..., 0].tolist() == [
        [1, 3, 0, 0, 0],
        [2, 1, 3, 0, 0],
        [1, 0, 0, 0, 0],
    ]


def test_neutral_nodes_are_not_scored_in_two_classes(folder):
    task = SST(folder=folder, labels="binary", min_count=1)
    assert (task.output_size, task.goal.above) == (2, 85.4)
    assert [len(task.sentences[split]) for split in ("train", "validation", "test")] == [2, 1, 2]
    batch = draw(task, "test", batch_size=2)
    assert batch.mask.tolist() == [[False, True, False, True, True], [True, False, False, False, False]]
    assert batch.target[batch.mask].tolist() == [1, 1, 1, 1]
    dull = draw(task, "validation", batch_size=1)
    assert dull.target[dull.mask].tolist() == [0, 0, 0]
    assert len(task.vocabulary) == 5  # words of sentences that are left out are known words too


def test_scores_by_hand(folder):
    task = SST(folder=folder)
    batch = draw(task, "test")
    y = task.oracle(batch)
    assert [score.value for score in task.scores(y, batch).values()] == [100, 100]
    y[0, 2] = y[1, 4]  # the root of the first sentence is called positive, and it is neutral
    y[1, 0] = y[2, 0]  # so is a word
    scores = task.scores(y, batch)
    assert scores["root_percent"].value == pytest.approx(100 * 2 / 3)
    assert scores["nodes_percent"].value == pytest.approx(100 * 7 / 9)
    assert task.goal.met(45.8)
    assert not task.goal.met(45.7)


def test_only_the_root_may_be_supervised(folder):
    task = SST(folder=folder, supervision="root")
    batch = draw(task, "test")
    assert batch.mask.nonzero().tolist() == [[0, 2], [1, 4], [2, 0]]
    assert list(task.scores(task.oracle(batch), batch)) == ["root_percent"]
    assert list(task.baselines()["constant"]) == ["root_percent"]


def test_the_constant_is_the_largest_class_of_the_test_split(folder_of):
    task = SST(folder=folder_of(test=[PLAIN, FILM, WORD, "(4 (4 lovely) (4 lovely))"]))
    # Roots: 2, 3, 4, 4. Nodes: five of class 2, one of 3, six of 4.
    assert task.baselines()["constant"] == {
        "root_percent": 50,
        "nodes_percent": pytest.approx(100 * 6 / 12),
    }
    batch = draw(task, "test", batch_size=4)
    y = torch.zeros(4, 5, 5)
    y[..., 4] = 1
    found = {name: score.value for name, score in task.scores(y, batch).items()}
    assert found == pytest.approx(task.baselines()["constant"])


def test_every_sentence_comes_once_before_any_comes_again(folder_of):
    words = [f"(2 w{n})" for n in range(7)]
    task = SST(folder=folder_of(train=words, dev=words, test=words), min_count=1)
    drawn = torch.cat([draw(task, k=k, batch_size=4).x[:, 0, 0] for k in range(7)]).view(4, 7)
    assert [sorted(turn) for turn in drawn.tolist()] == [list(range(2, 9))] * 4
    assert len({tuple(turn) for turn in drawn.tolist()}) == 4
    assert not torch.equal(drawn[0, :4], draw(task, batch_size=4, seed=1).x[:, 0, 0])
    for split in ("validation", "test"):
        in_order = torch.cat([draw(task, split, k, 4, seed=k).x[:, 0, 0] for k in range(2)])
        assert in_order.tolist() == [2, 3, 4, 5, 6, 7, 8, 2]


def test_the_sample_is_made_up_and_called_so():
    task = SST()
    assert list(task.suite()) == ["synthetic-sample"]
    assert {split: len(trees) for split, trees in read_sample().items()} == {
        "train": 60,
        "validation": 20,
        "test": 20,
    }
    assert {label for trees in read_sample().values() for tree in trees for label in tree.labels} == set(
        range(5)
    )


def test_a_folder_of_files_is_called_test(folder):
    assert list(SST(folder=folder).suite()) == ["test"]


def test_a_split_without_a_side_to_take_is_refused(folder_of):
    folder = folder_of(dev=[PLAIN])
    assert len(SST(folder=folder).sentences["validation"]) == 1
    with pytest.raises(
        DamagedFile, match=r"^SST: the dev split has no sentence whose root is not neutral; use"
    ):
        SST(folder=folder, labels="binary")


def test_two_sources_exclude_each_other(folder):
    with pytest.raises(InvalidOption, match=r"^SST: folder = .* and hub = true exclude each other; name one"):
        SST(folder=folder, hub=True)
    with pytest.raises(InvalidOption, match=r"^SST: revision is empty; it must name a commit or a branch"):
        SST(hub=True, revision="")

"""Film reviews that are written here: what is read of them, what is scored, and where they may lie."""

import csv
import gzip
import math

import pytest
import torch

from recurra import DamagedFile, InvalidOption, MissingFile
from recurra_lab import load_snapshot, write_snapshot
from recurra_text import reviews
from recurra_text.imdb_task import IMDB, words_in
from recurra_text.reviews import Reviews, split_off
from recurra_text.synthetic_reviews import synthetic_reviews

SPLITS = ("train", "validation", "test")
GOOD = [f"Good film, number {n}!<br /><br />It's very good." for n in range(20)]
BAD = [f"A bad film: number {n}" for n in range(20)]
TEST = {"pos": ["Good, never seen.", "very good film of a good kind"], "neg": ["bad", "Bad film"]}


def draw(task, split="test", k=0, batch_size=4, seed=0):
    return task.batch(k, batch_size=batch_size, seed=seed, split=split)


def same(one, other):
    return all(
        torch.equal(found, wanted)
        for split in SPLITS
        for found, wanted in zip(
            draw(one, split, batch_size=36), draw(other, split, batch_size=36), strict=True
        )
    )


@pytest.fixture
def folder(tmp_path):
    """A folder like that of the archive."""
    for part, found in {"train": {"pos": GOOD, "neg": BAD}, "test": TEST}.items():
        for name, texts in found.items():
            (tmp_path / "aclImdb" / part / name).mkdir(parents=True)
            for n, text in enumerate(texts):
                (tmp_path / "aclImdb" / part / name / f"{n:02}_7.txt").write_text(text)
    return tmp_path


def columns(part):
    found = {"neg": BAD, "pos": GOOD} if part == "train" else TEST
    texts = [*found["neg"], *found["pos"]]
    return {"text": texts, "label": [0] * len(found["neg"]) + [1] * len(found["pos"])}


@pytest.fixture
def table(tmp_path):
    """One CSV file of all reviews, packed."""

    def write(rows, head=("review", "sentiment")):
        (tmp_path / "table").mkdir(exist_ok=True)
        with gzip.open(tmp_path / "table" / "reviews.csv.gz", "wt", newline="") as file:
            csv.writer(file).writerows([head, *rows])
        return tmp_path / "table"

    return write


def test_words_are_small_and_without_punctuation():
    found = words_in("It's <br/>GOOD--isn't it?<br />Yes, 10/10.")
    assert found == ["it's", "good", "isn't", "it", "yes", "10", "10"]
    assert words_in("Café déjà-vu") == ["café", "déjà", "vu"]
    assert words_in(" ?! ") == [""]


def test_the_last_words_are_read_and_short_reviews_filled_up_before(folder):
    task = IMDB(folder=folder, steps=4)
    assert task.words[:6] == ["film", "good", "number", "a", "bad", "it's"]
    batch = draw(task)
    film, good, a, bad, very = (task.words.index(word) + 2 for word in ("film", "good", "a", "bad", "very"))
    assert batch.x.tolist() == [
        [0, 0, 0, bad],
        [0, 0, bad, film],
        [0, good, 1, 1],  # words that training has not
        [1, a, good, 1],
    ]
    assert batch.lengths.tolist() == [4] * 4
    assert batch.mask.tolist() == [[False] * 3 + [True]] * 4
    assert batch.target.tolist() == [[0] * 4, [0] * 4, [0, 0, 0, 1], [0, 0, 0, 1]]
    first = draw(IMDB(folder=folder, steps=4, keep="first"))
    assert first.x[3].tolist() == [very, good, film, 1]


def test_without_padding_every_review_is_as_long_as_it_is(folder):
    batch = draw(IMDB(folder=folder, steps=4, padding="none"))
    assert batch.lengths.tolist() == [1, 2, 3, 4]
    assert batch.mask.int().argmax(1).tolist() == [0, 1, 2, 3]
    assert batch.mask.sum(1).tolist() == [1] * 4
    assert batch.x[:, 1:].tolist()[0] == [0, 0, 0]
    assert batch.target[batch.mask].tolist() == [0, 0, 1, 1]


def test_the_most_frequent_words_of_training_are_known(folder):
    task = IMDB(folder=folder, vocabulary=2)
    assert (task.words, task.input_size, task.output_size) == (["film", "good"], 4, 2)
    assert draw(task).x[:, -2:].tolist() == [[0, 1], [1, 2], [1, 1], [3, 1]]


def test_the_last_tenth_of_each_class_is_held_out(folder):
    task = IMDB(folder=folder)
    assert [task.count(split) for split in SPLITS] == [36, 4, 4]
    assert task.labels["validation"].tolist() == [0, 0, 1, 1]
    assert "19" not in task.words
    assert "17" in task.words
    held_out = {tuple(row) for row in draw(task, "validation").x.tolist()}
    trained = {tuple(row) for row in draw(task, "train", batch_size=36).x.tolist()}
    assert (len(trained), held_out & trained) == (36, set())


def test_a_review_that_comes_twice_is_trained_on_once():
    training = Reviews(["a", "b", "a", "c", "d"], [1, 0, 1, 1, 0])
    splits = split_off(training, Reviews(["a", "a", "x"], [1, 1, 0]), "it")
    assert splits["train"] == Reviews(["a", "b"], [1, 0])
    assert splits["validation"] == Reviews(["c", "d"], [1, 0])
    assert splits["test"].texts == ["a", "a", "x"]


def test_the_archive_parquet_and_the_hub_hold_the_same(folder, parquet_folder, no_cache, monkeypatch):
    parquet = parquet_folder(train=columns("train"), test=columns("test"))
    one = IMDB(folder=folder)
    assert same(one, IMDB(folder=folder / "aclImdb"))
    assert same(one, IMDB(folder=parquet))
    monkeypatch.setattr(reviews, "NAME", str(parquet))
    monkeypatch.setattr(reviews, "NUMBERS", {"train": 40, "test": 4})
    assert same(one, IMDB(hub=True))


def test_of_one_table_half_of_each_class_is_for_test(table):
    rows = [*((text, "positive") for text in GOOD), *((text, "negative") for text in BAD)]
    task = IMDB(folder=table([*rows, rows[0]]))
    assert [task.count(split) for split in SPLITS] == [18, 2, 20]
    assert task.labels["test"].tolist() == [1] * 10 + [0] * 10


def test_scores_by_hand(folder):
    task = IMDB(folder=folder)
    batch = draw(task, batch_size=2)
    y = torch.zeros(2, 80, 2)
    y[:, -1] = torch.tensor([math.log(3), 0])  # both are said to be bad, with 3 of 4
    batch.target[1, -1] = 1
    scores = {name: score.value for name, score in task.scores(y, batch).items()}
    nats = (math.log(4 / 3) + math.log(4)) / 2
    assert scores == {"accuracy_percent": pytest.approx(50), "nats": pytest.approx(nats)}
    assert task.loss(y, batch).item() == pytest.approx(nats)


def test_naive_bayes_against_a_loop():
    task, splits = IMDB(steps=12, vocabulary=30), synthetic_reviews()
    known = dict(zip(task.words, range(2, 32), strict=True))

    def read(text):
        return [known.get(word, 1) for word in words_in(text)[-12:]]

    counts = {label: dict.fromkeys(range(32), 1) for label in (0, 1)}
    for text, label in zip(*splits["train"], strict=True):
        for token in read(text):
            counts[label][token] += 1
    right = 0
    for text, label in zip(*splits["test"], strict=True):
        said = {
            c: sum(math.log(found[token] / sum(found.values())) for token in read(text))
            for c, found in counts.items()
        }
        right += (said[1] > said[0]) == bool(label)
    assert task.baselines()["naive-bayes"]["accuracy_percent"] == pytest.approx(100 * right / 80)
    assert task.baselines()["constant"] == {"accuracy_percent": 50, "nats": pytest.approx(math.log(2))}


def test_the_sample_is_called_so(folder):
    assert list(IMDB().suite()) == ["synthetic-sample"]
    assert list(IMDB(folder=folder).suite()) == ["test"]
    assert {split: len(part.texts) for split, part in synthetic_reviews().items()} == {
        "train": 360,
        "validation": 40,
        "test": 80,
    }


def test_a_snapshot_has_the_batches(folder, tmp_path):
    task = IMDB(folder=folder, padding="none")
    few = {"train": 2, "validation": 1, "test": 1}
    back = load_snapshot(write_snapshot(task, tmp_path / "snapshot", batches=few, batch_size=4, seed=5))
    for split, batches in few.items():
        for k in range(batches):
            pairs = zip(draw(back, split, k), draw(task, split, k, seed=5), strict=True)
            assert all(torch.equal(one, other) for one, other in pairs)


def test_mistakes_are_one_sentence(folder, tmp_path, table):
    with pytest.raises(
        InvalidOption, match=r"^IMDB: folder = .* and hub = true exclude each other; name one$"
    ):
        IMDB(folder=folder, hub=True)
    with pytest.raises(
        InvalidOption, match=r"^IMDB: revision is empty; it must name a commit of stanfordnlp/imdb"
    ):
        IMDB(revision="")
    with pytest.raises(
        MissingFile, match=r"none does not exist; take aclImdb_v1.tar.gz \(https.*\), unpacked"
    ):
        IMDB(folder=tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        MissingFile, match=r"has neither train/pos, nor train-\*.parquet, nor one file \*.csv"
    ):
        IMDB(folder=tmp_path / "empty")
    for path in (folder / "aclImdb" / "test" / "neg").iterdir():
        path.unlink()
    with pytest.raises(MissingFile, match=r"test/neg has no reviews, \*.txt; take aclImdb"):
        IMDB(folder=folder)
    with pytest.raises(DamagedFile, match=r"^.*csv.gz has the columns text, sentiment, and must have review"):
        IMDB(folder=table([("good", "positive")], head=("text", "sentiment")))
    with pytest.raises(DamagedFile, match=r"has the sentiment 'fair' in row 2; write a table"):
        IMDB(folder=table([("good", "positive"), ("so so", "fair")]))
    with pytest.raises(
        DamagedFile, match=r"too few reviews: the split 'train' has 0, and must have favourable"
    ):
        IMDB(folder=table([("good", "positive"), ("bad", "negative")]))


def test_damaged_parquet_and_labels_are_refused(parquet_folder):
    folder = parquet_folder(train=columns("train"), test={"text": ["a", "b"], "label": [0, -1]})
    with pytest.raises(DamagedFile, match=r"has the label -1 in row 2, and labels must be 0 or 1; take acl"):
        IMDB(folder=folder)
    (path,) = folder.glob("*/test-*.parquet")
    path.write_bytes(b"no Parquet")
    with pytest.raises(DamagedFile, match=rf"^{path} cannot be read as Parquet \(.*\); replace it: "):
        IMDB(folder=folder)
    path.unlink()
    with pytest.raises(MissingFile, match=r"has no test-\*.parquet beside the others; take acl"):
        IMDB(folder=folder)


def test_the_hub_is_asked_for_one_commit(offered):
    asked = offered(train=columns("train"), test=columns("test"), unsupervised={"text": [], "label": []})
    told = r"^stanfordnlp/imdb \(train\) has 40 reviews, and must have 25,000; name another revision$"
    with pytest.raises(DamagedFile, match=told):
        IMDB(hub=True)
    assert asked == [(("stanfordnlp/imdb",), {"revision": "e6281661ce1c48d982bc483cf8a173c1bbeb5d31"})]
    offered(train={"text": ["a", None], "label": [0, 1]}, test=columns("test"))
    with pytest.raises(DamagedFile, match=r"\(train\) lacks a value in column 'text', row 2; name another"):
        IMDB(hub=True)


def test_without_a_network_the_hub_is_refused_with_the_remedy(no_cache):
    told = (
        r"^stanfordnlp/imdb at revision '0123' cannot be loaded from the Hub \(.*\); without a network, take"
    )
    with pytest.raises(MissingFile, match=told) as said:
        IMDB(hub=True, revision="0123")
    assert "\n" not in str(said.value)

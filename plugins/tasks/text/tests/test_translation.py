"""Translation of sentences that are written here: rows, scores, splits and files."""

import gzip
import math

import pytest
import torch

from recurra import DamagedFile, InvalidOption, MissingFile
from recurra_lab import load_snapshot, write_snapshot
from recurra_text.synthetic_pairs import in_words, synthetic_pairs
from recurra_text.translation_task import Translation

SPLITS = ("train", "validation", "test")
PAIRS = {
    "train": [("the cat", "le chat"), ("the dog", "le chien"), ("the cat, no", "non")],
    "valid": [("the bird", "oiseau")],
    "test": [("cat the", "chat"), ("no bird", "le oiseau")],
}


def draw(task, split="test", k=0, batch_size=2, seed=0):
    return task.batch(k, batch_size=batch_size, seed=seed, split=split)


def lines(pairs):
    return "".join(f"{source}\t{target}\n" for source, target in pairs)


@pytest.fixture
def folder(tmp_path):
    for split, pairs in PAIRS.items():
        (tmp_path / f"{split}.tsv").write_text(lines(pairs))
    return tmp_path


def test_a_row_is_the_sentence_a_separator_and_its_translation(folder):
    task = Translation(folder=folder)
    assert task.names == (["the", "cat", ",", "dog", "no"], ["le", "chat", "chien", "non"])
    assert (task.input_size, task.output_size) == (7 + 6 - 1, 6)
    batch = draw(task)
    # 0 parts, 1 is unknown, the sentence has 2 to 6; the translation is read as 7 (unknown) to 11.
    assert batch.x.tolist() == [[3, 2, 0, 9, 0], [6, 1, 0, 8, 7]]
    assert batch.target.tolist() == [[0, 0, 3, 0, 0], [0, 0, 2, 1, 0]]
    assert batch.mask.int().tolist() == [[0, 0, 1, 1, 0], [0, 0, 1, 1, 1]]
    assert batch.lengths.tolist() == [4, 5]
    turned = draw(Translation(folder=folder, reverse=True))
    assert turned.x.tolist() == [[2, 3, 0, 9, 0], [1, 6, 0, 8, 7]]


def test_characters(folder):
    task = Translation(folder=folder, level="character")
    batch = draw(task)
    source, target = task.names
    assert [source[token - 2] for token in batch.x[0, :7]] == list("cat the")
    assert [target[token - 2] for token in batch.target[0, 7:11]] == list("chat")
    assert batch.mask[0].int().argmax() == 7


def test_long_pairs_are_left_out(folder):
    task = Translation(folder=folder, longest=2)
    assert [task.count(split) for split in SPLITS] == [2, 1, 2]
    with pytest.raises(DamagedFile, match=r"^the split 'train' of the pairs of at most 1 words has 0"):
        Translation(folder=folder, longest=1)


def test_few_words_are_known(folder):
    task = Translation(folder=folder, vocabulary=1)
    assert task.names == (["the"], ["le"])
    assert draw(task).x[0].tolist() == [1, 2, 0, 3, 0]


def test_of_one_file_no_sentence_is_in_two_splits(tmp_path):
    pairs = [(f"s {n % 20}", f"t {n}") for n in range(40)]
    path = tmp_path / "pairs.tsv.gz"
    with gzip.open(path, "wt") as file:
        file.write(lines(pairs).replace("\n", "\r\n"))
    task = Translation(file=path, validation_share=0.1, test_share=0.2)
    assert [task.count(split) for split in SPLITS] == [28, 4, 8]
    assert {word for word in task.names[0] if word.isdigit()} == {str(n) for n in range(14)}


def test_scores_by_hand(folder):
    task = Translation(folder=folder)
    batch = draw(task)
    y = task.oracle(batch)
    assert {name: score.value for name, score in task.scores(y, batch).items()} == pytest.approx(
        {"sentence_percent": 100, "token_percent": 100, "bits_per_token": 0}, abs=1e-9
    )
    y = torch.zeros(2, 5, 6)
    y.scatter_(-1, batch.target[..., None], math.log(5))  # the right one has 5 of 10
    y[1, 3] = torch.tensor([math.log(11), 0, 0, 0, 0, 0])  # and here 1 of 16
    scores = task.scores(y, batch)
    assert scores["sentence_percent"] == (100, 2)
    assert scores["token_percent"] == (400, 5)
    assert scores["bits_per_token"].value == pytest.approx((4 * 1 + 4) / 5)


def test_the_references_are_what_their_answers_score(folder):
    task = Translation(folder=folder)
    references = task.baselines()
    assert references.keys() == {"constant", "bigram"}
    batch = draw(task)
    shares = torch.bincount(batch.target[batch.mask], minlength=6).double() / 5
    scores = task.scores(shares.log().clamp(min=-1e9).expand(2, 5, -1), batch)
    constant = references["constant"]
    assert constant == pytest.approx({name: scores[name].value for name in constant})


def test_bigrams_of_translations_by_hand(tmp_path):
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.tsv").write_text("a\tx\n" if split != "train" else "a\tx\nb\tx\n")
    # Pairs of training: end x, x end, twice each. Tokens: end 2, x 2, unknown 0; and once more: 3, 3, 1 of 7.
    p = (2 + 1 * 3 / 7) / (2 + 1)
    found = Translation(folder=tmp_path).baselines()["bigram"]["bits_per_token"]
    assert found == pytest.approx(-math.log2(p))


def test_numbers_in_words():
    assert in_words(0) == "zero"
    assert in_words(14) == "fourteen"
    assert in_words(90) == "ninety"
    assert in_words(307) == "three hundred and seven"
    assert in_words(9_821) == "nine thousand eight hundred and twenty one"
    assert in_words(70_000) == "seventy thousand"


def test_the_sample_is_called_so(folder):
    sample = Translation()
    assert list(sample.suite()) == ["synthetic-sample"]
    assert list(Translation(folder=folder).suite()) == ["test"]
    assert [sample.count(split) for split in SPLITS] == [2000, 250, 250]
    assert sample.baselines()["optimal"]["sentence_percent"] == 100
    seen = [source for pairs in synthetic_pairs().values() for source, _ in pairs]
    assert len(set(seen)) == len(seen) == 2500
    assert synthetic_pairs()["test"][0][0] == in_words(int(synthetic_pairs()["test"][0][1].replace(" ", "")))


def test_a_snapshot_has_the_batches(folder, tmp_path):
    task = Translation(folder=folder)
    few = {"train": 2, "validation": 1, "test": 1}
    back = load_snapshot(write_snapshot(task, tmp_path / "snapshot", batches=few, batch_size=2, seed=5))
    for split, batches in few.items():
        for k in range(batches):
            pairs = zip(draw(back, split, k), draw(task, split, k, seed=5), strict=True)
            assert all(torch.equal(one, other) for one, other in pairs)


def table(split, nested=False):
    source, target = (list(side) for side in zip(*PAIRS[split], strict=True))
    rows = [{"en": one, "fr": other} for one, other in zip(source, target, strict=True)]
    return {"id": list(range(len(rows))), "translation": rows} if nested else {"en": source, "fr": target}


@pytest.mark.parametrize("nested", [False, True], ids=["columns", "columns within translation"])
def test_parquet_and_the_hub_hold_the_same_as_files(folder, parquet_folder, no_cache, nested):
    parts = zip(("train", "validation", "test"), PAIRS, strict=True)
    parquet = parquet_folder(**{part: table(split, nested) for part, split in parts})
    wanted, columns = Translation(folder=folder), ("en", "fr")
    for found in (
        Translation(folder=parquet, columns=columns),
        Translation(hub=str(parquet), revision="main", columns=columns),
    ):
        for split in SPLITS:
            pairs = zip(draw(found, split), draw(wanted, split), strict=True)
            assert all(torch.equal(one, other) for one, other in pairs)
    told = r"has no column 'de', only (en, fr|id, translation|fr, en)"
    with pytest.raises(DamagedFile, match=told):
        Translation(folder=parquet, columns=("en", "de"))


BAD = [
    (
        "a\tb\tc\n",
        r"^line 1 of .*pairs.tsv has 3 columns; it must have 2; .*\(`cut -f1,2` takes the first two",
    ),
    ("a\tb\n\nc\n", r"^line 3 of .*pairs.tsv has 1 columns; it must have 2; put a sentence, a tab"),
    ("a\t \n", r"^line 1 of .*pairs.tsv lacks a sentence or its translation; put a"),
    ("\n", r"pairs.tsv is empty; put a"),
    ("a\tb\n", r"^the split 'validation' of .*pairs.tsv has 0, and needs at least 1; give it more data"),
]


@pytest.mark.parametrize(("text", "told"), BAD)
def test_what_are_no_two_columns_is_refused(text, told, tmp_path):
    (tmp_path / "pairs.tsv").write_text(text)
    with pytest.raises(DamagedFile, match=told) as said:
        Translation(file=tmp_path / "pairs.tsv")
    assert "\n" not in str(said.value)


def test_mistakes_are_one_sentence(folder, tmp_path):
    with pytest.raises(
        InvalidOption, match=r"^Translation: file = a and folder = b exclude each other; name"
    ):
        Translation(file="a", folder="b")
    with pytest.raises(
        InvalidOption, match=r"^Translation: hub = a/b names a data set that may change; set task"
    ):
        Translation(hub="a/b")
    with pytest.raises(MissingFile, match=r"^the file .*none.tsv does not exist; put a sentence, a tab"):
        Translation(file=tmp_path / "none.tsv")
    (folder / "test.tsv").unlink()
    with pytest.raises(MissingFile, match=r" has no test.tsv, compressed or not; put a sentence"):
        Translation(folder=folder)


def test_without_a_network_the_hub_is_refused_with_the_remedy(no_cache):
    told = r"^bentrevett/multi30k at revision '0123' cannot be loaded from the Hub \(.*\); without a"
    with pytest.raises(MissingFile, match=told) as said:
        Translation(hub="bentrevett/multi30k", revision="0123", columns=("en", "de"))
    assert "\n" not in str(said.value)

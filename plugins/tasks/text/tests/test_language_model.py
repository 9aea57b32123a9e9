"""Language modelling on texts that are written here: what is read and scored, and how a state goes on."""

import gzip
import math
from itertools import pairwise

import pytest
import torch

from recurra import DamagedFile, InvalidOption, MissingFile, Ref
from recurra_lab import Model, evaluate, load_snapshot, write_snapshot
from recurra_lab.training.batches import Batches
from recurra_text.language_model_task import LanguageModel

SPLITS = ("train", "validation", "test")
TEXTS = {"train": "abcab\nabc\n", "validation": "abx\nba\n", "test": "cab\nbda\n"}


def draw(task, split="test", k=0, batch_size=1, seed=0):
    return task.batch(k, batch_size=batch_size, seed=seed, split=split)


@pytest.fixture
def folder(tmp_path):
    for split, text in TEXTS.items():
        (tmp_path / f"{split}.txt").write_text(text)
    return tmp_path


def test_characters_by_hand(folder):
    task = LanguageModel(folder=folder, window=3)
    assert task.names == ["<unk>", "a", "b", "\n", "c"]
    assert (task.input_size, task.output_size, task.goal.score) == (5, 5, "bits_per_character")
    batch = draw(task)
    assert batch.x.tolist() == [[4, 1, 2]]
    assert batch.target.tolist() == [[1, 2, 3]]
    assert batch.mask.tolist() == [[True] * 3]
    assert batch.lengths.tolist() == [3]
    assert draw(task, k=1).target.tolist() == [[2, 0, 1]]  # d is not in training
    assert draw(task, k=2).x.tolist() == [[1]]  # what is left over of the pass


def test_words_by_hand(tmp_path):
    texts = {"train": "the cat\nthe <unk>\n", "valid": "a cat\n", "test": "the dog\n"}
    for split, text in texts.items():
        with gzip.open(tmp_path / f"ptb.{split}.txt.gz", "wt") as file:
            file.write(text)
    task = LanguageModel(folder=tmp_path, level="word")
    assert task.names == ["<unk>", "<eos>", "the", "cat"]
    assert draw(task).x.tolist() == [[2, 0]]
    assert draw(task).target.tolist() == [[0, 1]]
    assert draw(task, "validation").target.tolist() == [[3, 1]]
    few = LanguageModel(folder=tmp_path, level="word", vocabulary=1)
    assert few.names == ["<unk>", "<eos>"]


def test_bytes_are_all_known(tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(bytes(range(256)) * 4)
    task = LanguageModel(file=path, level="byte", validation_share=0.25, test_share=0.25)
    assert (task.input_size, task.goal.score) == (256, "bits_per_byte")
    assert draw(task).x.tolist() == [list(range(50))]
    assert [len(task.tokens[split]) for split in SPLITS] == [512, 256, 256]


def test_one_file_is_cut_in_its_order(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("abcdefghij" * 2, encoding="utf-8-sig")
    task = LanguageModel(file=path, validation_share=0.1, test_share=0.25)
    words = {split: "".join(task.names[token] for token in task.tokens[split]) for split in SPLITS}
    assert words == {"train": "abcdefghijabc", "validation": "de", "test": "fghij"}
    # What training has not is unknown, though the other splits have it.
    short = LanguageModel(file=path, validation_share=0.4, test_share=0.4)
    assert short.names == ["<unk>", "a", "b", "c", "d"]


def test_windows_go_on_until_the_pass_ends(folder):
    task = LanguageModel(folder=folder, window=3)
    options = {"batch_size": 1, "seed": 0, "split": "test"}
    assert [task.continues_previous(k, **options) for k in range(7)] == [k % 3 > 0 for k in range(7)]
    read = [draw(task, k=k) for k in range(3)]
    assert torch.cat([batch.x for batch in read], 1).tolist() == [task.tokens["test"][:-1].tolist()]
    for one, other in pairwise(read):
        assert torch.equal(one.target[:, -1], other.x[:, 0])


def test_windows_with_a_carried_state_score_as_the_whole_text_does():
    torch.manual_seed(0)
    task = LanguageModel(level="word", window=35)
    model = Model(task, Ref("cell", "gru", hidden_size=8)).double()
    data = Batches(task, 3, 0, "test", rank=0, ranks=1)
    windows = -(-((len(task.tokens["test"]) - 1) // 3) // 35)
    found = evaluate(model, data, windows)
    whole = LanguageModel(level="word", window=100_000)
    wanted = evaluate(model, Batches(whole, 3, 0, "test", rank=0, ranks=1), 1)
    assert found.keys() == wanted.keys() == {"perplexity", "bits_per_word", "accuracy_percent"}
    for name, score in found.items():
        assert score == pytest.approx(wanted[name], rel=1e-9)
        assert score.value == pytest.approx(wanted[name].value, rel=1e-9)


def test_scores_by_hand(folder):
    batch = draw(LanguageModel(folder=folder, window=2))
    y = torch.zeros(1, 2, 5)
    y[0, 0, batch.target[0, 0]] = math.log(4)  # 4 of 8, and the right one
    y[0, 1, (batch.target[0, 1] + 1) % 5] = math.log(4)  # 1 of 8
    task = LanguageModel(folder=folder)
    scores = {name: score.value for name, score in task.scores(y, batch).items()}
    assert scores == {"bits_per_character": pytest.approx(2), "accuracy_percent": pytest.approx(50)}
    words = LanguageModel(folder=folder, level="word").scores(y, batch)
    assert words["perplexity"].value == pytest.approx(4)
    assert words["bits_per_word"].value == pytest.approx(2)
    assert LanguageModel(folder=folder, level="byte").scores(y, batch)[
        "bits_per_byte"
    ].value == pytest.approx(2)


@pytest.mark.parametrize("level", ["character", "word"])
def test_the_references_are_what_their_answers_score(folder, level):
    task = LanguageModel(folder=folder, level=level, window=1000)
    batch, references = draw(task), task.baselines()
    due = torch.bincount(batch.target[0], minlength=task.output_size).double()
    known = torch.bincount(task.tokens["train"].long(), minlength=task.output_size).double() + 1
    for name, counts in (("constant", due), ("unigram", known)):
        y = (counts / counts.sum()).log().clamp(min=-1e9).expand(*batch.mask.shape, -1)
        scores = {score: found.value for score, found in task.scores(y, batch).items()}
        assert references[name] == pytest.approx({score: scores[score] for score in references[name]})
    assert references["constant"].keys() == task.scores(y, batch).keys()


def test_the_sample_is_called_so(folder):
    assert list(LanguageModel().suite()) == ["synthetic-sample"]
    assert list(LanguageModel(folder=folder).suite()) == ["test"]
    sample = LanguageModel(level="word")
    assert (sample.tokens["test"] == 0).sum() == 0
    best = sample.baselines()
    assert best["bigram"]["perplexity"] < best["unigram"]["perplexity"] / 3


def test_a_snapshot_of_a_text_goes_on(folder, tmp_path):
    task = LanguageModel(folder=folder, window=3)
    few = {"train": 5, "validation": 2, "test": 3}
    back = load_snapshot(write_snapshot(task, tmp_path / "snapshot", batches=few, batch_size=2, seed=5))
    for split, batches in few.items():
        for k in range(batches):
            options = {"batch_size": 2, "split": split}
            pairs = zip(back.batch(k, seed=0, **options), task.batch(k, seed=5, **options), strict=True)
            assert all(torch.equal(one, other) for one, other in pairs)
            assert back.continues_previous(k, seed=0, **options) == task.continues_previous(
                k, seed=5, **options
            )
    assert back.goal.below == 1.36


BAD = [
    ({"file": "none.txt"}, MissingFile, r"^the file .*none.txt does not exist; set task.folder to"),
    ({"folder": "none"}, MissingFile, r"^the folder .*none does not exist; set task.folder"),
    ({"file": "empty.txt"}, DamagedFile, r"empty.txt is empty; set task.folder"),
    ({"file": "latin.txt"}, DamagedFile, r"latin.txt cannot be read as text in UTF-8 .*task.level=byte$"),
    ({"file": "packed.txt.gz"}, DamagedFile, r"packed.txt.gz cannot be read as text \(Not a gzipped file"),
    (
        {"file": "short.txt"},
        DamagedFile,
        r"^the split 'validation' of .*short.txt has 0, and needs at least 2",
    ),
    ({"file": "a", "folder": "b"}, InvalidOption, r"^LanguageModel: file = a and folder = b exclude each"),
    (
        {"hub": "name/of-data"},
        InvalidOption,
        r"^LanguageModel: hub = name/of-data names a data set that may change; set",
    ),
    ({"folder": "."}, MissingFile, r" has no test.txt, compressed or not; set task.folder"),
]


@pytest.mark.parametrize(("options", "kind", "told"), BAD)
def test_mistakes_are_one_sentence(options, kind, told, folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "test.txt").unlink()
    (folder / "empty.txt").write_text("\n \n")
    (folder / "latin.txt").write_bytes("naïve ".encode("latin-1") * 100)
    (folder / "packed.txt.gz").write_text("not packed")
    (folder / "short.txt").write_text("abcd")
    with pytest.raises(kind, match=told) as said:
        LanguageModel(**options)
    assert "\n" not in str(said.value)


def lines(split):
    """Return lines as some data sets have them, with their ends, and as others do, without."""
    return {"text": TEXTS[split].splitlines(keepends=split != "test")}


def test_parquet_and_the_hub_hold_the_same_as_files(folder, parquet_folder, no_cache):
    parquet = parquet_folder(**{split: lines(split) for split in SPLITS})
    task = LanguageModel(folder=folder)
    for other in (LanguageModel(folder=parquet), LanguageModel(hub=str(parquet), revision="main")):
        assert all(torch.equal(task.tokens[split], other.tokens[split]) for split in SPLITS)
        assert list(other.suite()) == ["test"]


def test_the_hub_is_asked_for_a_commit(offered):
    asked = offered(**{split: lines(split) for split in SPLITS})
    options = {"hub": "Salesforce/wikitext", "revision": "0123abc", "configuration": "wikitext-2-v1"}
    LanguageModel(**options)
    LanguageModel(level="word", **options)
    assert asked == [(("Salesforce/wikitext", "wikitext-2-v1"), {"revision": "0123abc"})]
    offered(**{split: lines(split) for split in ("train", "test")})
    with pytest.raises(
        DamagedFile, match=r"has no split 'validation', only train, test; name another revision"
    ):
        LanguageModel(**options)
    offered(**{split: {"line": ["a"]} for split in SPLITS})
    with pytest.raises(DamagedFile, match=r"\(train\) has no column 'text', only line; name another"):
        LanguageModel(**options)


def test_without_a_network_the_hub_is_refused_with_the_remedy(no_cache):
    told = r"^Salesforce/wikitext at revision '0123' cannot be loaded from the Hub \(.*\); without a"
    with pytest.raises(MissingFile, match=told) as said:
        LanguageModel(hub="Salesforce/wikitext", revision="0123", configuration="wikitext-2-v1")
    assert "\n" not in str(said.value)

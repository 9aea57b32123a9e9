"""Files in every layout are read as what they say."""

import gzip
import json

import datasets
import pytest
import torch

from recurra_own_data.sequence_classification_task import SequenceClassification
from recurra_own_data.sequence_regression_task import SequenceRegression
from recurra_own_data.tagging_task import Tagging

WHOLE = {"validation_share": 0.25, "test_share": 0.25}


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def all_of(task):
    """Return the sequences of all splits in the order of the file: name -> x (T, ...)."""
    found = {}
    for split, read in task.read.items():
        batch = task.gather(split, torch.arange(task.count(split)))
        found |= {
            name: (x[:n], y[:n])
            for name, x, y, n in zip(read.names, batch.x, batch.target, batch.lengths, strict=True)
        }
    return {name: found[name] for name in sorted(found)}


def test_text_is_words_in_small_letters_and_marks(tmp_path):
    rows = [{"text": "No, no!", "label": "bad"}, {"text": "Yes", "label": "good"}] * 4
    task = SequenceClassification(file=lines(tmp_path / "a.jsonl", rows), **WHOLE)
    assert task.input_kind == "tokens"
    assert task.input_size == 5
    names = task.encoder.names
    assert [names[token] for token in all_of(task)[1][0]] == ["no", ",", "no", "!"]
    assert task.classes.names == ["bad", "good"]
    assert all_of(task)[1][1].tolist() == [0, 0, 0, 0]
    assert all_of(task)[2][1].tolist() == [1]


def test_text_is_characters(tmp_path):
    rows = [{"text": "aB", "label": 0}, {"text": "B", "label": 1}] * 4
    task = SequenceClassification(file=lines(tmp_path / "a.jsonl", rows), level="character", **WHOLE)
    assert [task.encoder.names[token] for token in all_of(task)[1][0]] == ["a", "B"]


def test_digits_are_text_where_the_user_says_so(tmp_path):
    path = tmp_path / "codes.csv"
    path.write_text("code,label\n" + "007,a\n42,b\n" * 8)
    task = SequenceClassification(file=path, text="code", **WHOLE)
    assert (task.input_kind, task.encoder.names) == ("tokens", ["", "007", "42"])
    rows = [{"codes": [7, 42], "label": "a"}, {"codes": [42], "label": "b"}] * 4
    listed = SequenceClassification(file=lines(tmp_path / "a.jsonl", rows), text=("codes",), **WHOLE)
    assert listed.encoder.names == ["", "42", "7"]


def test_a_rare_word_is_unknown(tmp_path):
    rows = [{"text": "a a b", "label": 0}, {"text": "a", "label": 1}] * 4
    task = SequenceClassification(file=lines(tmp_path / "a.jsonl", rows), vocabulary=1, **WHOLE)
    assert all_of(task)[1][0].tolist() == [1, 1, 0]
    assert task.input_size == 2


def test_columns_of_lists_are_channels_and_scaled_by_training(tmp_path):
    rows = [{"u": [n, n + 2], "v": [5, 5], "label": n % 2} for n in range(8)]
    task = SequenceClassification(file=lines(tmp_path / "a.jsonl", rows), **WHOLE)
    train = [name - 1 for name in task.read["train"].names]
    steps = torch.tensor([float(x) for n in train for x in (n, n + 2)])
    expected = (torch.tensor([3.0, 5.0]) - steps.mean()) / steps.std(correction=0)
    torch.testing.assert_close(all_of(task)[4][0], torch.stack([expected, torch.zeros(2)], 1))


def test_a_list_of_vectors_is_a_sequence(tmp_path):
    rows = [{"x": [[n, 1], [2, n], [0, 0]], "target": float(n)} for n in range(8)]
    task = SequenceRegression(file=lines(tmp_path / "a.jsonl", rows), **WHOLE)
    assert all_of(task)[1][0].shape == (3, 2)


def test_rows_are_steps_of_the_sequence_they_name(tmp_path):
    text = "who,x,label\n" + "".join(
        f"{who},{10 * who + step},{'ab'[who % 2]}\n" for step in (1, 2) for who in range(8)
    )
    path = tmp_path / "long.csv.GZ"
    path.write_bytes(gzip.compress(text.encode()))
    task = SequenceClassification(file=path, sequence="who", **WHOLE)
    assert {name: len(x) for name, (x, _) in all_of(task).items()} == dict.fromkeys(range(8), 2)
    values = torch.stack([x[:, 0] for x, _ in all_of(task).values()])
    torch.testing.assert_close(
        values * task.encoder.deviation + task.encoder.mean,
        10.0 * torch.arange(8.0)[:, None] + torch.tensor([1.0, 2.0]),
        check_dtype=False,
    )


def test_tags_come_as_lists_or_by_step(tmp_path):
    rows = [{"words": ["the", "cat"], "tags": ["D", "N"]}, {"words": ["cats"], "tags": ["N"]}] * 4
    listed = Tagging(file=lines(tmp_path / "a.jsonl", rows), **WHOLE)
    steps = [
        (n, w, t) for n, row in enumerate(rows, 1) for w, t in zip(row["words"], row["tags"], strict=True)
    ]
    by_step = lines(tmp_path / "b.jsonl", [{"n": n, "words": w, "tags": t} for n, w, t in steps])
    for task in (listed, Tagging(file=by_step, sequence="n", **WHOLE)):
        assert all_of(task)[1][1].tolist() == [0, 1]
        assert all_of(task)[2][1].tolist() == [1]


def test_only_the_last_steps_are_kept(tmp_path):
    rows = [{"x": [1, 2, 3, 4], "tags": list("abab")}, {"x": [5, 6], "tags": list("ab")}] * 4
    task = Tagging(file=lines(tmp_path / "a.jsonl", rows), longest=3, **WHOLE)
    assert all_of(task)[1][1].tolist() == [1, 0, 1]
    assert all_of(task)[2][1].tolist() == [0, 1]


def test_a_saved_data_set_keeps_its_splits(tmp_path):
    part = datasets.Dataset.from_dict({"text": ["a b", "c"], "label": [0, 1]})
    datasets.DatasetDict({"train": part, "validation": part, "test": part}).save_to_disk(tmp_path / "set")
    task = SequenceClassification(dataset=str(tmp_path / "set"))
    assert [task.count(split) for split in ("train", "validation", "test")] == [2, 2, 2]


def test_files_of_splits_are_kept_apart(tmp_path):
    rows = [{"text": "a", "label": 0}, {"text": "b", "label": 1}] * 2
    task = SequenceClassification(
        file=lines(tmp_path / "a.jsonl", rows),
        validation_file=lines(tmp_path / "b.jsonl", [{"text": "z", "label": 1}]),
        test_file=lines(tmp_path / "c.jsonl", rows[:2]),
    )
    assert [task.count(split) for split in ("train", "validation", "test")] == [4, 1, 2]
    assert task.gather("validation", torch.tensor([0])).x.tolist() == [[0]]  # unknown: training has no z


@pytest.mark.parametrize("seed", [0, 1])
def test_drawn_splits_are_disjoint_and_have_the_same_shares_of_every_class(tmp_path, seed):
    rows = [{"text": "a", "label": "rare" if n % 5 == 0 else "common"} for n in range(100)]
    task = SequenceClassification(file=lines(tmp_path / "a.jsonl", rows), split_seed=seed, test_share=0.2)
    names = {split: set(read.names) for split, read in task.read.items()}
    assert sorted(map(len, names.values())) == [15, 20, 65]
    assert len(set.union(*names.values())) == 100
    rare = {split: int((due == 1).sum()) for split, due in task.due.items()}
    assert rare == {"train": 13, "validation": 3, "test": 4}


def test_a_regression_is_in_the_units_of_the_file(tmp_path):
    rows = [{"x": [n, n], "price": 100.0 + n, "age": n % 3} for n in range(12)]
    task = SequenceRegression(
        file=lines(tmp_path / "a.jsonl", rows), target=("price", "age"), input="x", **WHOLE
    )
    batch = task.gather("test", torch.arange(3))
    assert task.described(batch.target[0, :2]) == [
        {
            name: pytest.approx(rows[task.read["test"].names[0] - 1][name], abs=1e-5)
            for name in ("price", "age")
        }
    ]
    shifted = batch._replace(
        target=batch.target + torch.tensor([1.0, 0.0]) / task.deviation.float() * batch.mask[..., None]
    )
    found = task.scores(batch.target, shifted)
    assert found["absolute_error_price"].value == pytest.approx(1, abs=1e-5)
    assert found["absolute_error_age"].value == pytest.approx(0, abs=1e-6)

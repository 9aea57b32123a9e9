"""Every fault in a file is one sentence with the file, the row, the column and what to do."""

import json
import re

import pytest

from recurra import RecurraError
from recurra.plugins import registry
from recurra_own_data.predictions import Labelled
from recurra_own_data.sequence_classification_task import SequenceClassification
from recurra_own_data.sequence_regression_task import SequenceRegression
from recurra_own_data.tagging_task import Tagging

GOOD = [{"x": [1, 2], "label": "a"}, {"x": [2, 3], "label": "b"}] * 8


def fault_of(tmp_path, task, content, name="data.jsonl", **options):
    """Return the message of the error that a file raises."""
    path = tmp_path / name
    if isinstance(content, list):
        content = "".join(json.dumps(row) + "\n" for row in content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RecurraError) as caught:
        task(file=path, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(tmp_path) + "/", "")


def with_row(row, number=3):
    return [*GOOD[: number - 1], row, *GOOD[number - 1 :]]


CLASSIFICATION = [
    ({"x": [1, None], "label": "a"}, "column 'x' of data.jsonl, row 3, element 2: no value"),
    ({"x": [1, "2"], "label": "a"}, "row 3, element 2: '2', and a finite number was expected"),
    ({"x": [1, float("nan")], "label": "a"}, "row 3, element 2: nan, and a finite number was expected"),
    ({"x": [], "label": "a"}, "column 'x' of data.jsonl, row 3: the sequence is empty"),
    ({"x": None, "label": "a"}, "column 'x' of data.jsonl, row 3: None is not a sequence"),
    (
        {"x": 5, "label": "a"},
        "row 3: 5 is not a sequence; write a list, or, if rows are steps, set task.sequence",
    ),
    ({"x": "text", "label": "a"}, "row 3: 'text' is not a sequence"),
    ({"x": [[1], [2, 3]], "label": "a"}, "row 3, element 2: [2, 3], and a finite number was expected"),
    ({"x": [[1, 1], [2, 3]], "label": "a"}, "row 3: vectors of 2 numbers, where others have 1"),
    ({"x": [1, 10**400], "label": "a"}, "row 3, element 2: 1000000"),
    ({"x": [1, 2]}, "column 'label' of data.jsonl, row 3: no value; fill in or remove the row"),
    ({"x": [1, 2], "label": ["a", "b"]}, "row 3, element 2: 'b' after 'a' in the same sequence"),
    ({"x": [1, 2], "label": {"a": 1}}, "column 'label' of data.jsonl, row 3: expected one value, got dict"),
]


@pytest.mark.parametrize(("row", "message"), CLASSIFICATION)
def test_a_wrong_row_is_named(tmp_path, row, message):
    assert message in fault_of(tmp_path, SequenceClassification, with_row(row))


WHOLE_FILES = [
    (b"", "data.jsonl has no rows", {}),
    (b"\xff\xfe", "data.jsonl cannot be read as text in UTF-8", {}),
    (b'{"x": [1]\n', "line 1: ", {}),
    (b"[1, 2]\n", "data.jsonl has no JSON object on line 1; write one JSON object on each line", {}),
    ([{"x": [1], "label": "a"}] * 9, "column 'label' of data.jsonl has only the label 'a' in training", {}),
    (GOOD[:2], "data.jsonl has 2 sequences, too few for a validation share of 0.15", {}),
    (
        GOOD[:2],
        "data.jsonl has 2 sequences, too few for a test share of 0.4",
        {"validation_share": 0.4, "test_share": 0.4},
    ),
    (GOOD, "task.target: data.jsonl has no column 'labels'; did you mean 'label'?", {"target": ("labels",)}),
    (GOOD, "task.input: data.jsonl has no column 'y'", {"input": ("y",)}),
    (GOOD, "task.input and task.target both name the column 'label'", {"input": ("label",)}),
    (GOOD, "task.sequence: data.jsonl has no column 'id'", {"sequence": "id"}),
    (GOOD, "task.target names 2 columns; SequenceClassification has one target", {"target": ("label", "x")}),
    (
        GOOD,
        "validation_share = 0.5 and test_share = 0.5 leave nothing to train on",
        {"validation_share": 0.5, "test_share": 0.5},
    ),
    (
        [{"y": [1]}],
        "data.jsonl has no column 'label'; name the target: task.target=COLUMN, one of y",
        {},
    ),
    ([{"label": 1}], "data.jsonl has no column beside target and sequence; the input is missing", {}),
    ([{"t": "a", "x": [1], "label": 1}] * 9, "column 't' of data.jsonl holds text, which is read alone", {}),
    (
        [{"u": [1], "v": [1, 2], "label": 1}] * 9,
        "column 'v' of data.jsonl, row 1: 2 steps, where column 'u' has 1",
        {},
    ),
]


@pytest.mark.parametrize(("content", "message", "options"), WHOLE_FILES)
def test_a_wrong_file_or_option_is_named(tmp_path, content, message, options):
    assert message in fault_of(tmp_path, SequenceClassification, content, **options)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n", "data.csv cannot be read as CSV (CSV parse error"),
        ("", "data.csv cannot be read as CSV (Empty CSV file)"),
        ("a,a\n1,2\n", "data.csv has several columns named 'a'; rename all but one"),
        ("a,label\n", "data.csv has no rows"),
        (
            "id,x,label\n1,2,a\n1,3,b\n",
            "column 'label' of data.csv, row 2: 'b' after 'a' in the same sequence",
        ),
        ("id,x,label\n1,2,a\n,3,b\n", "column 'id' of data.csv, row 2, names no sequence"),
        (
            "id,x,label\n1,,a\n2,3,b\n3,3,a\n4,3,b\n",
            "column 'x' of data.csv, row 1: no value, and a finite number was expected",
        ),
    ],
)
def test_a_wrong_csv_is_named(tmp_path, content, message):
    options = {"sequence": "id"} if content.startswith("id") else {}
    assert message in fault_of(tmp_path, SequenceClassification, content, "data.csv", **options)


def test_a_parquet_file_that_is_none(tmp_path):
    assert "data.parquet cannot be read as Parquet" in fault_of(tmp_path, Tagging, b"PAR1", "data.parquet")


def test_a_name_that_says_no_format(tmp_path):
    message = fault_of(tmp_path, Tagging, b"", "data.json")
    expected = (
        "data.json must end in one of .csv, .jsonl, .parquet, which says the format; did you mean '.jsonl'?"
    )
    assert message == expected


def test_tags_of_another_length(tmp_path):
    rows = [{"x": [1, 2], "tags": ["a", "b"]}, {"x": [1], "tags": ["a", "b"]}] * 8
    assert "row 2: 2 tags for 1 steps; each step has one tag" in fault_of(tmp_path, Tagging, rows)


def test_one_tag_where_a_list_is_due(tmp_path):
    message = fault_of(tmp_path, Tagging, [{"x": [1, 2], "tags": "a"}] * 8)
    assert ": expected a list, one value for each step; if rows are steps" in message


def test_a_target_that_is_no_number(tmp_path):
    rows = [{"x": [1, 2], "target": n} for n in range(16)]
    rows[4]["target"] = "five"
    assert "row 5: 'five', and a finite number was expected" in fault_of(tmp_path, SequenceRegression, rows)


def test_a_target_that_never_changes(tmp_path):
    rows = [{"x": [1, 2], "target": 1}] * 16
    assert "column 'target' of data.jsonl has one value in training" in fault_of(
        tmp_path, SequenceRegression, rows
    )


def test_a_label_that_training_does_not_have(tmp_path):
    other = tmp_path / "test.jsonl"
    other.write_text('{"x": [1], "label": "c"}\n')
    message = fault_of(tmp_path, SequenceClassification, GOOD, test_file=other)
    assert (
        message
        == "column 'label' of test.jsonl, row 1: the label 'c' is not one of the training sequences, 'a', 'b'"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "someone/set"}, "is no folder here, and on the Hub it may change; set task.revision"),
        ({"validation_file": "a.csv"}, "validation_file needs file"),
        ({"revision": "abc"}, "revision needs dataset"),
        ({"file": "a.csv", "dataset": "b"}, "file = a.csv and dataset = b exclude each other"),
        ({"file": "nowhere/a.csv"}, "the file nowhere/a.csv does not exist: there is no folder nowhere"),
    ],
)
def test_a_source_that_is_none(options, message):
    with pytest.raises(RecurraError, match=re.escape(message)):
        SequenceClassification(**options)


def test_a_file_to_predict_of_another_kind(tmp_path):
    path = tmp_path / "new.jsonl"
    path.write_text('{"values": "text"}\n')
    task = SequenceClassification()
    with pytest.raises(RecurraError, match="row 1: 'text' is not a sequence"):
        list(Labelled(task, input=path).rows(lambda x, state, lengths: (x, state)))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"x": [1], "label": True}, {"x": [2], "label": 1}], "labels of several kinds, True and 1; write"),
        ([{"x": [1], "label": 1}, {"x": [2], "label": "1"}], "labels of several kinds, 1 and '1'; write"),
        ([{"x": [[], []], "label": 1}, {"x": [[]], "label": 2}], "row 1: the sequence is empty"),
        ([{"x": [1e308], "label": 1}, {"x": [-1e308], "label": 2}], "1e+308, and a finite number"),
        ([{"x": [1], "label": float("nan")}], "row 1: no value; fill in or remove the row"),
    ],
)
def test_labels_and_numbers_that_no_network_learns(tmp_path, rows, message):
    fault = fault_of(tmp_path, SequenceClassification, rows * 16)
    assert message.replace("row 1", "row") in re.sub(r"row \d+", "row", fault)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x;label\n1,5;a\n", "data.csv cannot be read as CSV"),
        ("x;label\n1;a\n", "data.csv separates its columns by ';'; write commas"),
        ("x\tlabel\n1\ta\n", "data.csv separates its columns by '\\t'; write commas"),
        ("x,label\n1,é\n".encode("latin-1"), "data.csv cannot be read as text in UTF-8"),
    ],
)
def test_a_csv_of_another_kind(tmp_path, content, message):
    assert message in fault_of(tmp_path, SequenceClassification, content, "data.csv")


@pytest.mark.parametrize("split", ["validation", "test"])
def test_no_split_is_empty(tmp_path, split):
    with pytest.raises(RecurraError, match=f"{split}_share"):
        registry.load("task", "sequence-classification")(**{f"{split}_share": 0.0})


@pytest.mark.parametrize("tags", [["a"], ["a", "b", "a"]])
def test_tags_to_compare_with_are_as_many_as_steps(tmp_path, tags):
    path = tmp_path / "new.jsonl"
    path.write_text(json.dumps({"values": [1, 0], "tags": tags}) + "\n")
    with pytest.raises(RecurraError, match=f"row 1: {len(tags)} tags for 2 steps"):
        Labelled(Tagging(), input=path)


def test_a_file_to_predict_without_an_input_column(tmp_path):
    train, new = tmp_path / "train.jsonl", tmp_path / "new.jsonl"
    train.write_text("".join(json.dumps({**row, "y": [0, 1]}) + "\n" for row in GOOD))
    new.write_text('{"x": [1, 2], "z": [1, 2]}\n')
    task = SequenceClassification(file=train)
    with pytest.raises(RecurraError, match=re.escape("new.jsonl has no column 'y'")):
        Labelled(task, input=new)


def test_one_word_in_a_column_of_numbers_is_named(tmp_path):
    rows = [f"{n // 4},{n},{'ab'[n // 4 % 2]}" for n in range(40)]
    whole = "patient,pulse,label\n" + "\n".join(rows) + "\n"
    stray = whole.replace("1,6,b", "1,n.k.,b")
    said = "column 'pulse' of data.csv, row 7: 'n.k.', where most others are numbers; correct it, or"
    message = fault_of(tmp_path, SequenceClassification, stray, "data.csv", sequence="patient")
    assert message == f"{said}, if the column is text, set task.text=pulse"
    other = tmp_path / "whole.csv"
    other.write_text(whole)
    task = SequenceClassification(file=other, sequence="patient")
    with pytest.raises(RecurraError, match=r"row 7: 'n.k.', where most others are numbers"):
        list(Labelled(task, input=tmp_path / "data.csv").rows(None))


def test_a_column_of_text_that_is_missing_is_named(tmp_path):
    message = fault_of(tmp_path, SequenceClassification, GOOD, text="y")
    assert message == "task.text: data.jsonl has no column 'y'; it has x, label"

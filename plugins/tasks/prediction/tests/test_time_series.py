"""Forecasts of a user's file: windows, splits without leakage, references, and mistakes in one sentence."""

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from recurra import DamagedFile, InvalidInput, InvalidOption, MissingFile
from recurra_prediction.time_series import TimeSeries

SMALL = {"window": 6, "horizon": 3, "season": 4}


def values(n=100):
    return [round(10 * math.sin(t * math.pi / 2) + t / 10 + (t * t) % 7, 3) for t in range(n)]


def csv(path, **columns):
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


@pytest.fixture
def file(tmp_path):
    second = [2 * v - t for t, v in enumerate(values())]
    return csv(tmp_path / "data.csv", load=values(), wind=second)


def every(task, split):
    """Return all windows of a split, each once."""
    return task.batch(0, batch_size=len(task.ends[split]), seed=0, split=split)


def test_a_window_and_what_follows_it_are_rows_of_the_file(file):
    task = TimeSeries(file=file, columns=("load",), **SMALL)
    raw = values()
    for split, (first, after) in {"train": (0, 70), "validation": (70, 85), "test": (85, 100)}.items():
        batch = every(task, split)
        for x, target, mask in zip(batch.x, batch.target, batch.mask, strict=True):
            seen = task.scales[0].in_units(x[:, 0].double()).tolist()
            ahead = task.scales[0].in_units(target[-1].double()).tolist()
            starts = [n for n in range(95) if seen == pytest.approx(raw[n : n + 6], abs=1e-4)]
            matching = [n for n in starts if ahead == pytest.approx(raw[n + 6 : n + 9], abs=1e-4)]
            assert matching
            assert any(first <= n + 6 and n + 9 <= after for n in matching), split
            assert mask.tolist() == [False] * 5 + [True]
            assert not target[:-1].any()


def test_validation_and_test_hold_every_window_once(file):
    task = TimeSeries(file=file, **SMALL)
    for split in ("validation", "test"):
        ends = task.ends[split]
        assert len(ends) == 15 - 3 + 1
        rows = {tuple(x.flatten().tolist()) for x in every(task, split).x}
        assert len(rows) == len(ends)
        assert rows == {tuple(task.shown[e - 5 : e + 1].flatten().tolist()) for e in ends}


def test_nothing_of_the_future_leaks_into_scaling_or_training(tmp_path):
    one = csv(tmp_path / "one.csv", load=values())
    other = csv(tmp_path / "other.csv", load=[*values()[:70], *(1000 + v for v in values()[70:])])
    first, second = (TimeSeries(file=path, **SMALL) for path in (one, other))
    (one_scale,), (other_scale,) = first.scales, second.scales
    assert torch.equal(one_scale.mean, other_scale.mean)
    assert torch.equal(one_scale.deviation, other_scale.deviation)
    for k in range(20):
        a, b = (task.batch(k, batch_size=16, seed=0, split="train") for task in (first, second))
        assert torch.equal(a.x, b.x)
        assert torch.equal(a.target, b.target)
    known = torch.tensor(values()[:70], dtype=torch.float64)
    assert one_scale.mean.item() == pytest.approx(known.mean().item())
    assert one_scale.deviation.item() == pytest.approx(known.std(correction=0).item())


def test_references_are_those_of_naive_forecasts_by_hand(file):
    raw = values()
    naive = sum(abs(raw[t] - raw[t - 4]) for t in range(4, 70)) / 66
    persistence, seasonal, mean = [], [], sum(raw[:70]) / 70
    away = []
    for end in range(84, 97):  # the last seen step; 85 to 99 are for test
        for ahead in (1, 2, 3):
            persistence.append(abs(raw[end + ahead] - raw[end]))
            seasonal.append(abs(raw[end + ahead] - raw[end + ahead - 4]))
            away.append(abs(raw[end + ahead] - mean))
    references = TimeSeries(file=file, columns=("load",), **SMALL).baselines()
    for name, errors in (("persistence", persistence), ("seasonal-naive", seasonal), ("constant", away)):
        error = sum(errors) / len(errors)
        assert references[name]["absolute_error_load"] == pytest.approx(error), name
        assert references[name]["scaled_error"] == pytest.approx(error / naive), name


def test_a_forecast_beyond_one_season_goes_back_whole_seasons(file):
    raw = values()
    task = TimeSeries(file=file, columns=("load",), window=6, horizon=6, season=4)
    errors = [
        abs(raw[end + ahead] - raw[end + ahead - (4 if ahead <= 4 else 8)])
        for end in range(84, 94)
        for ahead in range(1, 7)
    ]
    found = task.baselines()["seasonal-naive"]["absolute_error_load"]
    assert found == pytest.approx(sum(errors) / len(errors))


def test_a_model_that_repeats_the_last_value_scores_as_persistence(file):
    task = TimeSeries(file=file, **SMALL)
    batch = every(task, "test")
    y = torch.zeros_like(batch.target)
    y[:, -1] = batch.x[:, -1].repeat(1, 3)
    scores = {name: score.value for name, score in task.scores(y, batch).items()}
    assert scores == pytest.approx(task.baselines()["persistence"], rel=1e-5)


def test_scores_are_in_the_units_of_each_column(file):
    task = TimeSeries(file=file, **SMALL)
    batch = every(task, "test")
    y = batch.target.clone()
    y[:, -1, 0] += 1 / task.scales[0].deviation[0]  # the first column, one step ahead, is off by 1
    scores = task.scores(y, batch)
    assert scores["absolute_error_load"].value == pytest.approx(1 / 3, rel=1e-4)
    assert scores["absolute_error_wind"].value == pytest.approx(0, abs=1e-6)


def test_parquet_is_read_as_csv_is(file, tmp_path):
    table = pa.table({"load": values(), "wind": [2 * v - t for t, v in enumerate(values())]})
    pq.write_table(table, tmp_path / "data.parquet")
    one, other = TimeSeries(file=file, **SMALL), TimeSeries(file=tmp_path / "data.parquet", **SMALL)
    assert one.columns == other.columns == ("load", "wind")
    assert torch.equal(one.series, other.series)
    pq.write_table(
        table.cast(pa.schema({"load": pa.float32(), "wind": pa.float64()})), tmp_path / "f.parquet"
    )
    assert torch.allclose(TimeSeries(file=tmp_path / "f.parquet", **SMALL).series, one.series, atol=1e-5)


def test_the_example_leaves_its_column_of_time_out():
    task = TimeSeries()
    assert task.columns == ("load", "temperature")
    assert (task.input_size, task.output_size, len(task.series)) == (2, 24, 1500)


def test_a_chosen_share_of_the_rows_is_held_out(file):
    parts = TimeSeries(file=file, validation=0.2, test=0.3, **SMALL).cut.parts
    assert parts == {"train": (0, 50), "validation": (50, 70), "test": (70, 100)}


def days(order):
    return [f"2024-01-{day:02d}" for day in order]


def write(name, **columns):
    return lambda folder: csv(folder / name, **columns)


def text(name, content):
    def made(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return made


N = values()
MISTAKES = [
    (lambda f: f / "dat.csv", {}, MissingFile, r"dat.csv does not exist; did you mean '.*data.csv'\?"),
    (lambda f: f / "no" / "x.csv", {}, MissingFile, "x.csv does not exist: there is no folder .*no"),
    (lambda f: f / "data.xlsx", {}, InvalidOption, "data.xlsx is neither a .csv nor a .parquet file"),
    (
        lambda f: f / "data.csv",
        {"columns": ("laod",)},
        InvalidOption,
        "no column 'laod'; did you mean 'load'",
    ),
    (lambda f: f / "data.csv", {"columns": ("q",)}, InvalidOption, "no column 'q'; it has load, wind"),
    (
        write("t.csv", a=N, town=["Oslo"] * 100),
        {},
        InvalidInput,
        "a value that is not a number, such as 'Oslo' in row 1; correct",
    ),
    (
        write("t.csv", a=[*N[:9], "n.a.", *N[10:]]),
        {},
        InvalidInput,
        "such as 'n.a.' in row 10; correct it, or",
    ),
    (write("t.csv", a=[*N[:9], "", *N[10:]], b=N), {}, InvalidInput, "no finite value in row 10; fill or"),
    (write("t.csv", a=[*N[:9], "inf", *N[10:]], b=N), {}, InvalidInput, "no finite value in row 10; fill or"),
    (
        write("t.csv", a=[1.5] * 100, b=N),
        {},
        InvalidInput,
        "column 'a' of .* never changes in the training part",
    ),
    (write("t.csv", a=[1, 2, 3, 4] * 25), {}, InvalidInput, "column 'a' of .* is the same in every season"),
    (
        write("t.csv", a=N[:15]),
        {},
        InvalidInput,
        "has too few rows for validation, 2 of 15, for windows of 6 steps and a horizon of 3; make",
    ),
    (write("t.csv", a=N[:0]), {}, InvalidInput, "t.csv has no rows"),
    (
        write("t.csv", a=N),
        {"season": 80},
        InvalidInput,
        "has 70 rows for training, less than one season of 80",
    ),
    (write("t.csv", day=days([*range(1, 31)])), {}, InvalidInput, "has no numeric column"),
    (
        write("t.csv", day=days([*range(1, 20), 7]), a=N[:20]),
        {},
        InvalidInput,
        "column 'day' of .* goes back in time in row 20; sort the rows, the oldest first",
    ),
    (text("t.csv", b""), {}, DamagedFile, r"t\.csv is empty; its first line must name"),
    (
        text("t.csv", b"a,b\n1,2\n3\n"),
        {},
        DamagedFile,
        "^row 2 of .* has the wrong number of values, 1 instead of 2; correct",
    ),
    (text("t.csv", b"a;b\n1;2\n"), {}, DamagedFile, r"^\S+t\.csv separates its columns by ';'; write commas"),
    (text("t.csv", b"\xff\xfe"), {}, DamagedFile, "cannot be read as text in UTF-8; save it as UTF-8"),
    (text("t.parquet", b"a,b\n1,2\n"), {}, DamagedFile, "cannot be read as Parquet: "),
    (lambda f: f / "data.csv", {"validation": 0.5, "test": 0.5}, InvalidOption, "leave no rows for training"),
]


@pytest.mark.parametrize(("make", "options", "error", "told"), MISTAKES)
def test_a_mistake_is_one_sentence(file, make, options, error, told):
    path = make(file.parent)
    with pytest.raises(error, match=told) as refused:
        TimeSeries(file=path, **{**SMALL, **options})
    assert "\n" not in str(refused.value)

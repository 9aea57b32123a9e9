"""Forecasts in the units of the file: of what comes after it, and of steps that are known."""

from datetime import date, datetime

import pytest
import torch

from recurra import InvalidInput, InvalidOption
from recurra_prediction.calendar import Calendar, evenly_spaced
from recurra_prediction.forecast import Forecast
from recurra_prediction.series_file import Columns, read_series
from recurra_prediction.time_series import TimeSeries


@pytest.fixture
def own(tmp_path):
    """Forty days of two columns, of which the second is ten times the first."""

    def write(name="own.csv", rows=40, date="day", factor=1.0):
        lines = [f"{date},a,b"] if date else ["a,b"]
        for n in range(rows):
            value = factor * (n % 7 + n)
            when = f"{datetime(2026, 1, 1).fromordinal(datetime(2026, 1, 1).toordinal() + n):%Y-%m-%d},"
            lines.append(f"{when if date else ''}{value},{10 * value}")
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def task_of(path):
    return TimeSeries(file=path, window=3, horizon=2, season=1, validation=0.2, test=0.2)


def adding_one(task):
    """A network that forecasts, for each step ahead, the last value and one unit of the file more."""

    def network(x, state, *, lengths):
        unit = (1 / task.scales[0].deviation).to(x)
        return torch.cat([x + unit, x + 2 * unit], -1), None

    return network


def calendar_of(path):
    (series,), _ = read_series(path, Columns(), "error")
    return Calendar.of(series)


def test_the_next_steps_are_dated_and_in_the_units_of_the_file(own):
    task = task_of(own())
    rows = list(Forecast(task).rows(adding_one(task)))
    # The last day is the 40th, 9 February: a = 39 % 7 + 39 = 43.
    assert [row["day"] for row in rows] == [date(2026, 2, 10), date(2026, 2, 11)]  # days, as in the file
    assert [row["a"] for row in rows] == pytest.approx([44, 45], abs=1e-4)
    assert [row["b"] for row in rows] == pytest.approx([431, 432], abs=1e-3)


def test_beyond_the_horizon_forecasts_are_inputs(own):
    task = task_of(own(date=""))
    rows = list(Forecast(task, steps=5).rows(adding_one(task)))
    assert [row["row"] for row in rows] == [40, 41, 42, 43, 44]
    assert [row["a"] for row in rows] == pytest.approx([44, 45, 46, 47, 48], abs=1e-4)


def test_past_origins_show_what_came(own):
    task = task_of(own())
    rows = list(Forecast(task, origins=2, steps=2).rows(adding_one(task)))
    assert [row["origin"].day for row in rows] == [6, 6, 7, 7]
    assert [row["day"].day for row in rows] == [7, 8, 8, 9]
    # a of 6 February, row 36, is 1 + 36; then come 2 + 37, 3 + 38 and 4 + 39.
    assert [row["a"] for row in rows] == pytest.approx([38, 39, 40, 41], abs=1e-4)
    assert [row["a_actual"] for row in rows] == [39, 41, 41, 43]
    assert list(rows[0]) == ["origin", "day", "a", "b", "a_actual", "b_actual"]


def test_another_file_is_scaled_as_training_was(own):
    task = task_of(own())
    rows = list(Forecast(task, input=own("new.csv", rows=3, factor=100.0)).rows(adding_one(task)))
    assert [row["a"] for row in rows] == pytest.approx([401, 402], abs=1e-3)


def test_a_name_that_is_taken_is_not_lost(own):
    path = own(date="")
    path.write_text(path.read_text().replace("a,b", "row,origin"))
    task = task_of(path)
    (first, *_) = Forecast(task, origins=1).rows(adding_one(task))
    assert list(first) == ["origin_", "row_", "row", "origin", "row_actual", "origin_actual"]


def test_too_few_rows_are_told(own):
    task = task_of(own())
    with pytest.raises(InvalidInput, match="has 2 rows; a forecast needs at least 3: the window"):
        Forecast(task, input=own("new.csv", rows=2))
    with pytest.raises(InvalidInput, match="needs at least 8: the window and the steps compared"):
        Forecast(task, input=own("new.csv", rows=7), origins=4)
    with pytest.raises(InvalidOption, match="Forecast: steps = 0: expected an integer greater than 0"):
        Forecast(task, steps=0)
    with pytest.raises(InvalidOption, match="greater than 0 and at most 100000"):
        Forecast(task, steps=10**12)
    path = own("new.csv")
    path.write_text(path.read_text().replace("a,b", "a,c"))
    with pytest.raises(InvalidOption, match=r"has no column 'b'"):
        Forecast(task, input=path)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (["01-01", "02-01", "03-01"], [(4, 1), (5, 1)]),
        (["01-31", "02-28", "03-31"], [(4, 30), (5, 31)]),
        (["01-01", "01-08", "01-15"], [(1, 22), (1, 29)]),
    ],
)
def test_months_are_whole(own, tmp_path, days, expected):
    task = task_of(own())
    path = tmp_path / "new.csv"
    path.write_text("day,a,b\n" + "".join(f"2026-{day},{n},{n}\n" for n, day in enumerate(days)))
    rows = Forecast(task, input=path).rows(adding_one(task))
    assert [(row["day"].month, row["day"].day) for row in rows] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,a\n" + "1,2,3\n" * 3, "several columns named 'a'"),
        ("a,b\n" + "1e308,-1e308\n" * 3, "is not finite"),
        ("day,a,b\n9999-12-29,1,2\n9999-12-30,1,2\n9999-12-31,1,2\n", "beyond the year 9999"),
    ],
)
def test_what_cannot_be_forecast_is_told(own, tmp_path, text, message):
    task = task_of(own())
    path = tmp_path / "new.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        list(Forecast(task, input=path).rows(adding_one(task)))


def test_integers_beyond_the_exact_ones_are_rounded(own, tmp_path):
    task = task_of(own())
    path = tmp_path / "new.csv"
    path.write_text("a,b\n" + f"{2**53 + 1},1\n" * 3)
    assert Forecast(task, input=path).read[0].values[0].tolist() == [2.0**53, 1.0]


def test_a_missing_date_is_told(tmp_path):
    path = tmp_path / "load.csv"
    path.write_text("time,load\n2026-01-01,1\n,2\n2026-01-03,3\n")
    with pytest.raises(InvalidInput, match=r"column 'time' of .*load.csv has no date in row 2"):
        calendar_of(path)


def test_steps_of_different_lengths_are_numbered(tmp_path):
    path = tmp_path / "load.csv"
    path.write_text("time,load\n2026-01-02,1\n2026-01-05,2\n2026-01-06,3\n")  # a weekend in between
    assert calendar_of(path).times is None


def test_months_are_evenly_spaced():
    assert evenly_spaced([datetime(2026, month, 31 if month in (1, 3) else 28) for month in (1, 2, 3)])
    assert not evenly_spaced([datetime(2026, 1, day) for day in (1, 2, 4)])

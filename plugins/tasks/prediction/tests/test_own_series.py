"""Covariates, several series and missing values of a user's file."""

import datetime as dt
import math

import pytest
import torch

from recurra import InvalidInput, InvalidOption, MissingFile
from recurra_prediction.forecast import Forecast
from recurra_prediction.time_series import TimeSeries

SMALL = {"window": 3, "horizon": 2, "season": 2, "validation": 0.2, "test": 0.2}


def value(n):
    return n * n % 11 + n


def written(path, header, rows):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def units(task, scaled, number=0):
    """Return scaled targets in the units of the file."""
    scale = task.scales[number]
    size = len(task.columns)
    return (scaled.double() * scale.deviation[:size] + scale.mean[:size]).flatten().tolist()


@pytest.fixture
def covariates(tmp_path):
    """Thirty rows with a target, and four more with the calendar alone."""
    rows = [(n, value(n), 5 * n, n % 3) for n in range(30)] + [(n, "", "", n % 3) for n in range(30, 34)]
    return written(tmp_path / "c.csv", "n,load,wind,holiday", rows)


def task_with_covariates(path, **options):
    roles = {"columns": "load", "past_covariates": "wind", "future_covariates": "holiday"}
    return TimeSeries(file=path, **roles, **SMALL, **options)


def test_future_covariates_are_shown_before_they_come(covariates):
    task = task_with_covariates(covariates)
    batch = task.batch(0, batch_size=8, seed=0, split="test")
    assert batch.x.shape == (8, 3, 1 + 1 + 3)  # load, wind, and the holiday of this and the next two steps
    scale = task.scales[0]
    shown = batch.x.double() * scale.deviation[[0, 1, 2, 2, 2]] + scale.mean[[0, 1, 2, 2, 2]]
    for x, target in zip(shown, batch.target[:, -1], strict=True):
        now = round(x[-1, 1].item() / 5)  # wind tells the row
        assert [round(v) for v in x[-1, 2:].tolist()] == [now % 3, (now + 1) % 3, (now + 2) % 3]
        assert units(task, target) == pytest.approx([value(now + 1), value(now + 2)], abs=1e-4)
        assert now + 2 < 30


def holidays_ahead(task):
    """A network that forecasts, for each of two steps, the future covariate in units of the target."""

    def network(x, state, *, lengths):
        target, future = task.scales[0].deviation[[0, 2]]
        ahead = x[..., -2:] * future + task.scales[0].mean[2] - task.scales[0].mean[0]
        return (ahead / target).to(x), None

    return network


def test_the_forecast_begins_after_the_last_target_and_reads_the_covariates_there(covariates):
    task = task_with_covariates(covariates)
    rows = list(Forecast(task).rows(holidays_ahead(task)))
    assert [row["row"] for row in rows] == [30, 31]
    assert [row["load"] for row in rows] == pytest.approx([30 % 3, 31 % 3], abs=1e-4)
    compared = list(Forecast(task, origins=1).rows(holidays_ahead(task)))
    assert [row["load"] for row in compared] == pytest.approx([28 % 3, 29 % 3], abs=1e-4)
    assert [row["load_actual"] for row in compared] == [value(28), value(29)]


def test_covariates_that_are_not_known_are_told(covariates):
    task = task_with_covariates(covariates)
    with pytest.raises(InvalidOption, match="steps = 3, beyond the horizon of training, 2, is not possible"):
        Forecast(task, steps=3)
    short = written(covariates.with_name("s.csv"), "load,wind,holiday", [(1, 2, 3)] * 5)
    message = "has 0 rows after the last one with a target, and a forecast needs 2, with the"
    with pytest.raises(InvalidInput, match=message):
        Forecast(task, input=short)


@pytest.fixture
def shops(tmp_path):
    """Two series, a hundred times as large as each other, whose rows alternate."""
    rows = [(f"2026-01-{n + 1:02}", shop, size * value(n)) for n in range(30) for shop, size in SIZES.items()]
    return written(tmp_path / "shops.csv", "day,shop,sold", rows)


SIZES = {"east": 1, "west": 100}


def last_value(x, state, *, lengths):
    return x[..., :1].repeat(1, 1, 2), None


def test_every_series_is_split_and_scaled_by_itself(shops):
    task = TimeSeries(file=shops, series="shop", **SMALL)
    assert task.columns == ("sold",)
    assert task.names == ("east", "west")
    known = torch.tensor([value(n) for n in range(18)], dtype=torch.float64)
    assert task.scales[0].mean.item() == pytest.approx(known.mean().item())
    assert task.scales[1].deviation.item() == pytest.approx(100 * known.std(correction=0).item())
    batch = task.batch(0, batch_size=len(task.ends["test"]), seed=0, split="test")
    assert len(batch.x) == 2 * (6 - 2 + 1)
    for x, target in zip(batch.x, batch.target[:, -1], strict=True):
        number = int(target[-1])
        size = SIZES[task.names[number]]
        series = [size * value(n) for n in range(30)]
        found = units(task, x, number) + units(task, target[:2, None], number)
        assert any(found == pytest.approx(series[n : n + 5], abs=1e-3) for n in range(21, 26))


def test_errors_are_measured_in_the_units_of_each_series(shops):
    task = TimeSeries(file=shops, series="shop", **SMALL)
    batch = task.batch(0, batch_size=len(task.ends["test"]), seed=0, split="test")
    y, _ = last_value(batch.x, None, lengths=None)
    scores = {name: score.value for name, score in task.scores(y, batch).items()}
    errors = [abs(value(end + k) - value(end)) for end in range(23, 28) for k in (1, 2)]
    naive = sum(abs(value(n) - value(n - 2)) for n in range(2, 18)) / 16
    mean = sum(errors) / len(errors)
    assert scores["absolute_error_sold"] == pytest.approx((1 + 100) / 2 * mean, rel=1e-5)
    assert scores["scaled_error"] == pytest.approx(mean / naive, rel=1e-5)
    assert task.baselines()["persistence"] == pytest.approx(scores, rel=1e-5)


def test_a_forecast_has_the_rows_of_every_series(shops):
    task = TimeSeries(file=shops, series="shop", **SMALL)
    rows = list(Forecast(task).rows(last_value))
    assert list(rows[0]) == ["shop", "day", "sold"]
    assert [row["shop"] for row in rows] == ["east", "east", "west", "west"]
    assert [row["day"] for row in rows] == [dt.date(2026, 1, 31), dt.date(2026, 2, 1)] * 2
    assert [row["sold"] for row in rows] == pytest.approx([value(29)] * 2 + [100 * value(29)] * 2, rel=1e-4)
    assert {row["shop"] for row in Forecast(task, series="west").rows(last_value)} == {"west"}
    with pytest.raises(InvalidOption, match="there is no series 'wets'; did you mean 'west'"):
        Forecast(task, series="wets")
    other = written(shops.with_name("o.csv"), "shop,sold", [("north", 1)] * 5)
    with pytest.raises(InvalidInput, match="'north', with which the network was not trained; there are east"):
        Forecast(task, input=other)


def test_each_file_of_a_folder_is_a_series(tmp_path):
    folder = tmp_path / "meters"
    folder.mkdir()
    with pytest.raises(MissingFile, match=r"meters has no \.csv or \.parquet file"):
        TimeSeries(file=folder, **SMALL)
    for name, size in SIZES.items():
        written(folder / f"{name}.csv", "sold", [(size * value(n),) for n in range(30)])
    task = TimeSeries(file=folder, **SMALL)
    assert task.names == ("east", "west")
    new = written(tmp_path / "new.csv", "sold", [(700,)] * 3)
    (first, *_) = Forecast(task, input=new, series="west").rows(last_value)
    assert (first["series"], first["sold"]) == ("new", pytest.approx(700))


@pytest.fixture
def gaps(tmp_path):
    """Thirty rows, of which 5, 6 and 27 have no value."""
    rows = [("nan" if n in (5, 6, 27) else value(n), 1) for n in range(30)]
    return written(tmp_path / "gaps.csv", "load,one", rows)


def test_missing_values_are_marked_and_not_learned(gaps):
    with pytest.raises(InvalidInput, match=r"column 'load' .* in row 6; fill .* or set task.missing=mask"):
        TimeSeries(file=gaps, columns="load", **SMALL)
    task = TimeSeries(file=gaps, columns="load", missing="mask", **SMALL)
    # Training has rows 0 to 17: of the windows that end at 2 to 15, that at 4 has no value ahead.
    assert task.ends["train"].tolist() == [2, 3, *range(5, 16)]
    known = torch.tensor([value(n) for n in range(18) if n not in (5, 6)], dtype=torch.float64)
    assert task.scales[0].mean.item() == pytest.approx(known.mean().item())
    batch = task._windows(torch.tensor([7, 25]))
    assert batch.x[0, :, 1].tolist() == [1, 1, 0]  # steps 5, 6 and 7
    assert batch.x[0, :2, 0].tolist() == [0, 0]
    assert [math.isnan(v) for v in batch.target[1, -1].tolist()] == [False, True]  # 26 and 27
    assert not batch.target[:, :-1].isnan().any()


def test_a_part_without_any_value_is_told(tmp_path):
    rows = [("nan" if n >= 24 else value(n), 1) for n in range(30)]
    path = written(tmp_path / "gaps.csv", "load,one", rows)
    with pytest.raises(InvalidInput, match="all values to be predicted for test are missing; fill in some"):
        TimeSeries(file=path, columns="load", missing="mask", **SMALL)


@pytest.mark.parametrize("loss", ["squared", "quantile", "normal", "laplace"])
def test_no_gradient_comes_from_a_missing_value(gaps, loss):
    task = TimeSeries(file=gaps, columns="load", missing="mask", loss=loss, **SMALL)
    batch = task._windows(torch.tensor([25]))
    y = torch.randn(1, 3, task.output_size, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found = task.loss(y, batch)
    found.backward()
    size = task.value_loss.size
    assert found.isfinite()
    assert y.grad[0, -1, :size].all()
    assert not y.grad[0, -1, size:].any()
    assert task.scores(y.detach(), batch)["squared_error"].weight == 1


def test_an_output_that_is_not_a_number_is_no_missing_value(gaps):
    task = TimeSeries(file=gaps, columns="load", missing="mask", **SMALL)
    batch = task._windows(torch.tensor([25]))
    assert task.scores(torch.full_like(batch.target, torch.nan), batch)["scaled_error"].value == math.inf


def test_quantiles_are_columns_of_a_forecast_and_compared(gaps):
    task = TimeSeries(file=gaps, columns="load", missing="mask", loss="quantile", **SMALL)

    def network(x, state, *, lengths):
        unit = 1 / task.scales[0].deviation.item()
        levels = torch.tensor([1.0, 0.0, -1.0]) * unit  # crossing: they are sorted
        return (x[..., :1, None] + levels).repeat(1, 1, 2, 1).flatten(-2), None

    forecast = Forecast(task, origins=3)
    rows = list(forecast.rows(network))
    assert list(rows[0]) == [
        *("origin", "row", "load", "load_q0.1", "load_q0.5", "load_q0.9", "load_actual"),
    ]
    assert [row["load_actual"] for row in rows] == [value(26), None, None, value(28), value(28), value(29)]
    first = rows[0]
    assert (first["load_q0.1"], first["load_q0.9"]) == pytest.approx((value(25) - 1, value(25) + 1), abs=1e-4)
    scores = forecast.scores(rows)
    errors = [abs(row["load"] - row["load_actual"]) for row in rows if row["load_actual"] is not None]
    assert scores["absolute_error_load"] == pytest.approx(sum(errors) / 4)
    assert set(scores) == {"absolute_error_load", *(f"coverage_load_{q}" for q in ("0.1", "0.5", "0.9"))}
    assert Forecast(task).scores([]) == {}


FAULTS = [
    ("a,b\n1,2\n", {"past_covariates": "a", "columns": "a"}, InvalidOption, "name 'a' twice; name it once"),
    ("a,b\n1,2\n", {"future_covariates": "c"}, InvalidOption, "has no column 'c'; it has a, b"),
    ("a,b\n1,x\n2,\n", {"series": "b"}, InvalidInput, "column 'b' of .* names no series in row 2"),
    ("a,b\n1,x\n", {"time": "b"}, InvalidOption, "column 'b' of .* contains 'x' in row 1, which is not a"),
    (
        "a,b\n1,2026-01-01\n2,2026-01-0\n",
        {"time": "b"},
        InvalidOption,
        "contains '2026-01-0' in row 2, which is not a date; write dates as 2026-01-31",
    ),
    ("a,b\n1,2026-01-01\n2,?\n", {}, InvalidInput, r"column 'b' of .* contains '\?' in row 2, where others"),
    ("a;b\n1,5;2\n", {}, Exception, "separates its columns by ';'; write commas, and points"),
    ("a\tb\n1\t2\n", {}, Exception, r"separates its columns by '\\t'"),
    ("1.5,2\n3,4\n", {}, Exception, "has no header: its first line is '1.5,2'; name the columns"),
    ("a,b\n1,x\n2,x\n,x\n", {"series": "b"}, InvalidInput, "column 'a' of .* in row 3; fill"),
]


@pytest.mark.parametrize(("text", "options", "error", "message"), FAULTS)
def test_a_fault_names_file_place_and_remedy(tmp_path, text, options, error, message):
    path = tmp_path / "f.csv"
    path.write_text(text)
    with pytest.raises(error, match=message) as refused:
        TimeSeries(file=path, **options, **SMALL)
    assert "f.csv" in str(refused.value) or "twice" in message
    assert "\n" not in str(refused.value)


def test_the_date_of_a_row_is_the_day_and_the_time_of_day_together(tmp_path):
    start = dt.datetime(2026, 3, 1)
    times = [start + dt.timedelta(hours=n) for n in range(30)]
    rows = [(f"{t:%Y-%m-%d}", f"{t:%H:%M:%S}", value(n)) for n, t in enumerate(times)]
    task = TimeSeries(file=written(tmp_path / "power.csv", "date,time,load", rows), **SMALL)
    assert task.columns == ("load",)
    assert next(iter(Forecast(task).rows(last_value)))["date"] == start + dt.timedelta(hours=30)


def test_another_column_of_dates_may_go_back(tmp_path):
    rows = [(f"2026-01-{n + 1:02}", f"2025-01-{30 - n:02}", value(n)) for n in range(30)]
    path = written(tmp_path / "s.csv", "day,serviced,load", rows)
    assert TimeSeries(file=path, **SMALL).columns == ("load",)
    with pytest.raises(InvalidInput, match=r"column 'serviced' of .* goes back in time in row 2"):
        TimeSeries(file=path, time="serviced", **SMALL)

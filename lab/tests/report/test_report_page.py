"""What the page of a report says."""

import math

import pytest
from torch import nn

from recurra import Goal
from recurra_lab.artifacts.atomic_files import write_json
from recurra_lab.artifacts.run_folder import RunFolder

from .report_parts import HOSTILE, Echo, Room, make, report, titles


def test_the_page_holds_everything_and_needs_nothing_else(run):
    page = report(run)
    assert titles(page) == [
        "Learning curve",
        "squared error by length",
        "Inputs",
        "Target",
        "Outputs",
        "Steps",
        "Hidden <units>",
    ]
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert not [a for _, a in page.tags if "href" in a or "srcset" in a]
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert "echo · counter" in page.text
    assert "Solved after 1,100 updates (17,600 sequences, 61 s of training)" in page.text
    assert "plugins recurra-x" in page.text
    assert f"recurra resume {run.path}" in page.text
    assert run.report.stat().st_size < 1_500_000


def test_the_table_says_which_variants_meet_the_goal(run):
    text = " ".join(report(run).text.split())
    assert "variant squared error wrong".replace(" ", "") in text.replace(" ", "")
    assert "length-100.05 ✓0" in text
    assert "length-200.250" in text
    assert "length-1001,2340" in text


def test_the_goal_of_the_run_wins_over_that_of_the_task(run):
    page = report(run, goal=Goal("squared_error", below=0.3))
    assert "0.25 ✓" in page.text
    assert "squared error below 0.3" in page.text


def test_options_cannot_smuggle_markup_into_the_page(run):
    write_json(run.versions, {HOSTILE: HOSTILE})
    write_json(run.scores, {HOSTILE: {HOSTILE: 1.0}})
    write_json(run.outcome, {"status": HOSTILE})
    page = report(run)
    assert not page.all("script")
    assert page.text.count(HOSTILE) == 6


def test_the_same_run_gives_the_same_bytes(run):
    report(run)
    first = run.report.read_bytes()
    report(run)
    assert run.report.read_bytes() == first
    assert [path.name for path in run.path.glob(".*")] == []


def test_no_sequence_is_drawn_of_an_environment(run):
    assert "Example sequence" in report(run).text
    page = report(run, Room())
    assert "Example sequence" not in page.text
    assert not {"Inputs", "Target", "Outputs"} & set(titles(page))


def test_a_run_that_has_only_begun_says_what_is_missing(tmp_path):
    page = report(RunFolder(tmp_path))
    for sentence in (
        "This run has no outcome yet: it is still running, or it was interrupted.",
        "No values of squared error have been logged yet.",
        "The suite has not been evaluated yet.",
        "The run has no experiment.toml.",
        "The run has no versions.json.",
    ):
        assert sentence in page.text
    assert titles(page)[0] == "Inputs"
    assert "Echo · Counter" in page.text


def test_a_last_row_that_was_cut_short_is_left_out(run):
    whole = report(run)
    with run.metrics.open("a") as file:
        file.write("101,train/squared_error,0.0")
    assert report(run).all("img") == whole.all("img")


def test_values_that_are_not_finite_are_counted_not_drawn(run):
    whole = report(run)
    with run.metrics.open("a") as file:
        file.write("101,train/squared_error,nan\n102,validation/squared_error,inf\n")
    page = report(run)
    assert page.all("img") == whole.all("img")
    assert "2 logged values are not finite and not shown." in page.text


def test_scores_that_are_not_a_number_are_said_so(run):
    write_json(
        run.scores,
        {"length-1": {"squared_error": math.nan}, "length-2": {"squared_error": math.inf, "more": 1.0}},
    )
    text = report(run).text
    assert "length-1not a number–" in text
    assert "length-2infinite1" in text


@pytest.mark.parametrize("name", ["metrics", "scores", "outcome", "versions", "experiment"])
def test_a_damaged_file_is_named_and_the_rest_is_shown(run, name):
    path = getattr(run, name)
    path.write_text("{not,\nreadable\n")
    page = report(run)
    assert f"{path.name} is damaged" in page.text
    assert "Outputs" in titles(page)


def test_a_model_that_went_bad_is_still_shown(run):
    model = make(Echo())
    nn.init.constant_(model.readout.weight, math.nan)
    assert "Outputs" in titles(report(run, model=model))

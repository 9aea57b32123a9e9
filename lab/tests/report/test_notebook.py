"""A notebook shows the report of a run, and what a trained network is."""

from html import unescape

import pytest

from recurra_lab import load, train
from recurra_lab.reports.notebook import framed, table

QUICK = {"max_steps": 1, "validation_batches": 1, "suite_batches": 1, "progress": False}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return train("copy", "gru", cell={"hidden_size": 3}, task={"max_length": 2}, run=QUICK, out=out)


def test_a_run_shows_its_report_in_a_frame_that_runs_no_scripts(run):
    shown = run._repr_html_()
    assert shown.startswith('<iframe sandbox="" ')
    page = unescape(shown.split('srcdoc="', 1)[1].removesuffix('"></iframe>'))
    assert page == (run.path / "report.html").read_text("utf-8")


def test_a_report_that_is_missing_is_said(tmp_path):
    assert framed(tmp_path / "<b>.html").endswith(
        "&lt;b&gt;.html is missing; write it again with: recurra report</p>"
    )


def test_a_trained_network_shows_what_it_is(run):
    shown = load(run)._repr_html_()
    for fact in ("copy", "gru", "bptt", "vectors, 10", "<th>output</th><td>8</td>"):
        assert fact in shown


def test_text_is_escaped():
    assert table({"<a>": "<b>"}) == "<table><tr><th>&lt;a&gt;</th><td>&lt;b&gt;</td></tr></table>"

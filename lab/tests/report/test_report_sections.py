"""Sections of plugins: on the page, harmless, and never at the cost of the report."""

import pytest

from recurra_lab.reports import write_report
from recurra_lab.reports.sanitize import sanitized

from .report_parts import HOSTILE, Echo, make

HOOK = """
from recurra import Extension, hookimpl

@hookimpl
def recurra_report_sections():
    return [Extension("extra", "section_target:{}", "made up")]
"""
TARGET = """
import sys
from matplotlib.figure import Figure
from recurra_lab import ReportSection

def text(folder, experiment, network, task):
    print("not on stdout")
    facts = f"{folder.name} {experiment['seed']} {network.training} {type(task).__name__}"
    return ReportSection("<i>Facts</i>", f"<p onclick='x()'>{facts}</p><script>alert(1)</script>")

def picture(**about):
    figure = Figure()
    figure.subplots().plot([1, 2])
    return ReportSection("Picture", figure)

def fails(**about):
    return 1 / 0

def leaves(**about):
    sys.exit(3)

def wrong(**about):
    return "text"

def content(**about):
    return ReportSection("x", 7)
"""


@pytest.fixture
def add(world):
    def add(target, dist="acme"):
        world.path.joinpath("section_target.py").write_text(TARGET)
        world.add(dist, HOOK.format(target))

    return add


def written(run):
    return write_report(run, make(Echo()), Echo(), 7).read_text("utf-8")


def test_text_is_shown_and_what_could_do_harm_is_not(add, run, capsys):
    add("text")
    text = written(run)
    assert "<h2>&lt;i&gt;Facts&lt;/i&gt;</h2>" in text
    assert "<p>20250101 7 False Echo</p>" in text
    assert "alert(1)" not in text
    assert "onclick" not in text
    assert capsys.readouterr().out == ""


def test_a_figure_is_a_picture_in_the_page(add, run):
    add("picture")
    text = written(run)
    assert '<h2>Picture</h2>\n<img src="data:image/svg+xml;base64,' in text


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("fails", "ZeroDivisionError: division by zero"),
        ("leaves", "it calls sys.exit(3)"),
        ("wrong", "TypeError: it returned a str; expected a recurra_lab.ReportSection"),
        ("content", "TypeError: its content is a int; expected HTML or a matplotlib figure"),
        ("absent", "BrokenComponent: section &#39;extra&#39; of acme 1.0 cannot be imported: AttributeError"),
    ],
)
def test_a_section_that_fails_is_one_line_and_the_others_are_there(add, run, target, told):
    add(target)
    add("picture", "zebra")
    text = written(run)
    (line,) = [line for line in text.splitlines() if "section &#39;extra&#39; of acme 1.0 failed" in line]
    assert line.startswith('<p class="notice">')
    assert told in line
    assert "<h2>Picture</h2>" in text
    assert "<h2>This run</h2>" in text


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("<p>a &amp; b <b>c</b></p>", "<p>a &amp; b <b>c</b></p>"),
        ("1 < 2 & 3 > 2", "1 &lt; 2 &amp; 3 &gt; 2"),
        (HOSTILE + "after", "after"),
        ("<script>unclosed", ""),
        ("<style>p {}</style><svg><b>x</b></svg>y", "y"),
        ("<a href='javascript:x'>link</a><form><input></form>", "link"),
        ("<img src='https://example.org/x.png' onerror='x()' alt='a\"b'>", '<img alt="a&quot;b">'),
        ("<img src='data:image/png;base64,AA'>", '<img src="data:image/png;base64,AA">'),
        ("<img src='data:text/html;base64,AA'/>", "<img>"),
        ("<table><tr><td colspan=2 style='x'>1", '<table><tr><td colspan="2">1</td></tr></table>'),
        ("</div></main></body><p>x</i></p></p>", "<p>x</p>"),
        ("<b><i>x</b>y</i>", "<b><i>x</i></b>y"),
        ("<!-- <p> --><!DOCTYPE x><?php x ?>z", "z"),
        ("&lt;script&gt;", "&lt;script&gt;"),
        ("<<b>script>x", "&lt;<b>script&gt;x</b>"),
    ],
)
def test_html_is_cut_down_to_what_is_harmless_and_closed(html, kept):
    assert sanitized(html) == kept
    assert sanitized(kept) == kept

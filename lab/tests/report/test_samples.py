"""Samples of a task are shown as text and as a picture."""

import pytest
import torch
from click.testing import CliRunner

from recurra_lab.cli.show import show
from recurra_lab.reports.samples import Sample, as_text

MASK = torch.tensor([False, True, True])


def test_vectors_are_shades():
    x = torch.tensor([[0.0, 1.0], [0.5, 0.0], [1.0, 0.0]])
    text = as_text(Sample(x, x[:, :1], MASK), 80)
    assert text.splitlines() == [
        "input   ▒█",
        "       █",
        "target ·▒█",
        "scored  ^^",
    ]


def test_symbols_are_numbers():
    tokens = torch.tensor([3, 12, 0])
    text = as_text(Sample(tokens, tokens, MASK), 80)
    assert text.splitlines() == ["input   3 12  0", "target  · 12  0"]


def test_symbols_of_one_step_stand_below_each_other():
    x, target = torch.tensor([12, 3, 41]), torch.tensor([0, 7, 5])
    assert as_text(Sample(x, target, MASK), 80).splitlines() == ["input  12  3 41", "target  ·  7  5"]


def test_long_sequences_are_cut_to_the_width():
    tokens, x = torch.arange(50), torch.ones(50, 1)
    mask = torch.ones(50, dtype=torch.bool)
    for sample in (Sample(tokens, tokens, mask), Sample(x, x, mask)):
        lines = as_text(sample, 30).splitlines()
        assert all(len(line) <= 45 for line in lines)
        assert "…" in lines[0]


def told(*words):
    return CliRunner().invoke(show, list(map(str, words)))


def test_the_command_shows_samples_and_writes_a_picture(tmp_path):
    file = tmp_path / "samples.svg"
    result = told("copy", "task.max_length=3", "--samples", 2, "-o", file)
    assert result.exit_code == 0, result.output
    assert result.output.count("target") == 2
    assert file.read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["copy", "-o", "a.txt"], "a.txt must end in one of .svg, .png, .pdf, which says the format"),
        (["cpoy"], "did you mean 'copy'"),
        (["t-maze"], "is an environment, which provides rewards, not targets"),
    ],
)
def test_mistakes_are_one_sentence(words, message):
    assert message in str(told(*words).exception)

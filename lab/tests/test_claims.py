"""The claim in an experiment file: what is missing or contradicts itself is one sentence."""

import pytest

from recurra import InvalidOption
from recurra_lab.reproductions.reference import claim_of

from .published_file import FILE, without_success


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "graves2014" / "two-vectors.toml"
    path.parent.mkdir()
    path.write_text(FILE)
    return path


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('paper = "Graves 2014, section 4.1"', "", "reproduce.paper: field required"),
        ('trust = "V"', 'trust = "X"', "reproduce.numbers.0.trust: input should be 'V', 'N', 'M' or 'C'"),
        ("below = 1000", "", "reproduce.success: success needs exactly one of below and above"),
        ("below = 1000", "above = 1\nbelow = 2", "success needs exactly one of below and above"),
        ('"outcome.sequences"', '"somewhere"', "reproduce.numbers.0.ours: string should match pattern"),
        ('runs = "all"', 'runs = "0 of 9"', "reproduce.success.runs: string should match pattern"),
        ('runs = "all"', 'runs = "9 of 8"', "runs = '9 of 8' counts more successes than runs"),
        ('trust = "V"\n', "", "reproduce.numbers.0: published, trust and source come together"),
        ('source = "figure 3"', "", "reproduce.numbers.0: published, trust and source come together"),
        ('better = "smaller"', "", "reproduce.numbers.0: a published number needs better, smaller or larger"),
        ('departs = ["Only four units."]', "", "'reduced' and 0 sentences in departs contradict each other"),
        ('"reduced"', '"same"', "'same' and 1 sentences in departs contradict each other"),
        ("Only four units.", "four units", "reproduce.departs.0: string should match pattern"),
        ('source = "table 1"', "", "success needs trust and source"),
        ("below = 1000", 'below = "linear"\nwithin = -1', "success.within: input should be greater than 0"),
        ('"scores.length-10.bit_errors"\nbelow = 1000', '"outcome.steps"\nbelow = "linear"', "a baseline as"),
        ('"reduced"', '"analogue"', "leave out the published number of 'sequences'"),
        ("[reproduce]", "[reproduction]", "has no table \\[reproduce\\]"),
    ],
)
def test_what_is_wrong_with_the_table_is_one_sentence(experiment, old, new, told):
    assert old in FILE
    text = FILE.replace(old, new)
    if old == "[reproduce]":
        text = text[: text.index("[reproduction]")]
    experiment.write_text(text)
    with pytest.raises(InvalidOption, match=told) as error:
        claim_of(experiment)
    assert "\n" not in str(error.value)


def test_a_file_without_a_success_is_refused_in_one_sentence(experiment):
    experiment.write_text(without_success(FILE))
    told = r"two-vectors.toml: reproduce.success is missing; it states the claim as a test"
    with pytest.raises(InvalidOption, match=told) as error:
        claim_of(experiment)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("copies two vectors", "has a BLEU of 34.8"),
        ('"all"', '"9 of 10"'),
        ("below = 1000", "below = 1000\nwithin = 9"),
    ],
)
def test_an_analogue_repeats_no_number_of_the_paper(experiment, old, new):
    text = FILE[: FILE.index("[[reproduce.numbers]]")].replace('"reduced"', '"analogue"')
    experiment.write_text(text)
    assert claim_of(experiment).protocol == "analogue"
    experiment.write_text(text.replace(old, new))
    with pytest.raises(InvalidOption, match="an analogue is no repetition of the paper: leave out a number"):
        claim_of(experiment)

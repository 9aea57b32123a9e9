"""Records and what is made of them: the check, pages, curves, tables, and what is refused."""

from types import SimpleNamespace

import pytest

from recurra import DamagedFile, InvalidOption, MissingFile
from recurra.plugins import discovery
from recurra_lab.experiments import Experiment
from recurra_lab.reproductions.archive import load, record_path, recorded, save, unrecorded
from recurra_lab.reproductions.catalogue import Shipped
from recurra_lab.reproductions.check import stands
from recurra_lab.reproductions.curves import curves
from recurra_lab.reproductions.page import page
from recurra_lab.reproductions.record import Curve, Record, SeedRun, changed_options, options_of, read_record
from recurra_lab.reproductions.reference import Claim, claim_of
from recurra_lab.reproductions.table import tables
from recurra_lab.runs import provenance

FILE = """
[task]
name = "copy"
[cell]
name = "lstm"
hidden_size = 4
[reproduce]
paper = "P"
claim = "it copies"
protocol = "reduced"
departs = ["Four units.", "One batch."]
seeds = 2
minutes = 1
[reproduce.success]
measure = "outcome.solved"
above = 0.5
runs = "all"
trust = "N"
source = "figure 1"
[[reproduce.numbers]]
what = "wrong"
ours = "scores.test.wrong"
published = 0.1
trust = "M"
source = "from memory"
better = "smaller"
"""


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    path = tmp_path / "p2000" / "copy.toml"
    path.parent.mkdir()
    path.write_text(FILE)
    found = [(SimpleNamespace(dist="acme"), path)]
    monkeypatch.setattr(discovery.plugins(), "experiments", lambda: found)
    return Shipped("p2000/copy", "acme", path)


def of(*wrong, curve=None, **rest):
    """A record with one run per value, all solved."""
    runs = [
        SeedRun(seed=7 + k, measured={"outcome.solved": 1.0, "scores.test.wrong": value}, curve=curve)
        for k, value in enumerate(wrong)
    ]
    return Record(experiment="p2000/copy", versions={"torch": "2", "task": {"copy": 1}}, runs=runs, **rest)


def again(wrong, **measured):
    return SeedRun(seed=7, measured={"outcome.solved": 1.0, "scores.test.wrong": wrong, **measured})


def test_a_record_stands_if_its_seed_measures_the_same_or_lies_within_the_range(shipped):
    claim, record = claim_of(shipped.path), of(0.25, 0.75)
    assert stands(claim, record, again(0.25)) == (
        True,
        "the record stands: seed 7 measures the same 2 values again",
    )
    holds, sentence = stands(claim, record, again(0.5))
    assert holds
    assert "seed 7 differs in scores.test.wrong" in sentence
    assert stands(claim, record, again(1.0)) == (
        False,
        "the record does not stand: of seed 7 scores.test.wrong is 1 and was 0.25 to 0.75 in the record",
    )
    assert not stands(claim, record, SeedRun(seed=7, measured={"outcome.solved": 1.0}))[0]
    assert stands(claim, of(float("nan")), again(float("nan")))[0]


def test_a_record_is_read_as_it_was_written_and_its_page_says_what_it_lacks(shipped, tmp_path):
    record, claim = of(0.25, float("nan")), claim_of(shipped.path)
    save(claim, record, tmp_path)
    path = record_path("p2000/copy", tmp_path)
    assert str(read_record(path)) == str(record)
    written = path.with_suffix(".md").read_text()
    assert written == page(claim, record)
    for line in (
        "Curves: not recorded.",
        "Simple baselines: not recorded.",
        "| machine | not recorded |",
        "| CPU time of training, all seeds | not recorded |",
        "| options | not recorded |",
        "- Four units.\n- One batch.",
        "**Verdict: ",
        "It is met by 2 of 2 seeds (7 to 8, none excluded); the claim is that all runs meet it.",
        "| versions | torch 2, copy 1 |",
    ):
        assert line in written
    assert not path.with_suffix(".svg").exists()


def test_curves_are_drawn_one_for_each_seed_that_has_one(shipped, tmp_path):
    assert curves(of(0.25)) is None
    drawn = curves(of(0.25, 0.5, curve=Curve(score="wrong", steps=(1, 2), values=(0.5, 0.25))))
    assert drawn.startswith(b"<?xml")
    assert drawn == curves(of(0.25, 0.5, curve=Curve(score="wrong", steps=(1, 2), values=(0.5, 0.25))))
    flat = Curve(score="wrong", steps=(1,), values=(0.0,))
    save(claim_of(shipped.path), of(0.25, curve=flat), tmp_path)
    assert record_path("p2000/copy", tmp_path).with_suffix(".svg").read_bytes() == curves(
        of(0.25, curve=flat)
    )


def test_a_record_with_other_options_than_the_file_is_refused(shipped, tmp_path):
    options = options_of(Experiment.from_toml(shipped.path))
    assert "seed" not in options
    same = of(0.25, options=options)
    assert changed_options(same, shipped.path) == []
    assert changed_options(of(0.25), shipped.path) == []
    older = of(0.25, options={key: value for key, value in options.items() if key != "run.accumulate"})
    assert changed_options(older, shipped.path) == []
    save(claim_of(shipped.path), same, tmp_path)
    assert load(shipped, tmp_path).record == same
    shipped.path.write_text(FILE.replace("hidden_size = 4", "hidden_size = 5"))
    with pytest.raises(InvalidOption, match=r"with another value of cell\.hidden_size than .*copy\.toml"):
        load(shipped, tmp_path)


def test_what_is_no_record_is_refused(shipped, tmp_path):
    with pytest.raises(MissingFile, match=r"p2000/copy has no record in .*; write one with --record"):
        load(shipped, tmp_path)
    path = record_path("p2000/copy", tmp_path)
    path.write_text('{"experiment": "p2000/copy"}')
    with pytest.raises(DamagedFile, match=r"copy\.json is not a record: versions: field required"):
        load(shipped, tmp_path)
    path.write_text(of(0.5).model_copy(update={"experiment": "p2000/other"}).model_dump_json())
    with pytest.raises(DamagedFile, match="is the record of p2000/other and not of p2000/copy"):
        load(shipped, tmp_path)


def test_the_tables_count_verdicts_and_name_what_departs_and_what_is_missing(shipped, tmp_path):
    folder = tmp_path / "records"
    assert [one.name for one in unrecorded(folder)] == ["p2000/copy"]
    save(claim_of(shipped.path), of(0.25, 0.25), folder)
    assert unrecorded(folder) == []
    lines = tables(recorded(folder), ["q/r"], "pages").splitlines()
    assert lines[:5] == [
        "| protocol | better | equal | worse | not reached | contradicts |",
        "| --- | --- | --- | --- | --- | --- |",
        "| same | 0 | 0 | 0 | 0 | 0 |",
        "| reduced | 0 | 0 | 1 | 0 | 0 |",
        "| analogue | 0 | 0 | 0 | 0 | 0 |",
    ]
    assert (
        "| [p2000/copy](pages/p2000-copy.md) | it copies | second-hand | 2 of 2 seeds succeed; mean wrong:"
        " 0.25 (paper: 0.1) | **worse** | Four units; 1 more |"
    ) in lines
    assert lines[-1] == "No record yet: `q/r`."


def test_same_rows_come_first_and_have_no_column_of_departures(shipped):
    reduced = claim_of(shipped.path)
    same = Claim.model_validate({**reduced.model_dump(), "protocol": "same", "departs": ()})
    text = tables([(reduced, of(0.1)), (same, of(0.1))], [], "pages")
    assert text.index("**Same protocol**") < text.index("**Reduced protocol:**")
    assert "| experiment | claim of the paper | source of the claim | our result | verdict |\n" in text
    assert "No record yet" not in text


def test_a_run_says_where_it_comes_from(monkeypatch):
    origin = provenance.origin()
    assert set(origin) == {"date", "machine", "commit"}
    monkeypatch.setattr(provenance, "_git", lambda *words: "" if words[0] == "ls-files" else "of another")
    assert provenance.origin()["commit"] is None


def test_what_the_source_leaves_open_is_on_the_page(shipped):
    told = 'chosen = ["The seeds are ours."]\nseeds'
    shipped.path.write_text(FILE.replace("seeds", told, 1))
    claim = claim_of(shipped.path)
    assert "What the source leaves open, and our choice:\n\n- The seeds are ours." in page(claim, of(0.1))

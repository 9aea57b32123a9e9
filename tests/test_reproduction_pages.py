"""Every recorded experiment belongs to its file, and its page is what the record says."""

from pathlib import Path

import pytest

from recurra_lab.reproductions.archive import RECORDS, load, recorded, stem_of
from recurra_lab.reproductions.catalogue import find, shipped
from recurra_lab.reproductions.page import page
from recurra_lab.reproductions.reference import claim_of

FOLDER = Path(__file__).parents[1] / RECORDS


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_pages_are_up_to_date(path):
    (name,) = [one.name for one in shipped() if stem_of(one.name) == path.stem]
    known = load(find(name), FOLDER)
    curve = path.with_suffix(".svg")
    expected = page(*known, curve.name if curve.is_file() else None)
    written = path.with_suffix(".md").read_text("utf-8")
    assert written == expected, "run python tools/regenerate_reproductions.py"


def test_there_is_nothing_but_records_and_what_is_made_of_them():
    stems = {path.stem for path in FOLDER.glob("*.json")}
    assert {path.stem for path in FOLDER.iterdir()} == stems
    assert {path.suffix for path in FOLDER.iterdir()} <= {".json", ".md", ".svg"}


def test_a_record_has_as_many_seeds_as_its_file_says():
    for claim, record in recorded(FOLDER):
        assert len(record.seeds) == len({*record.seeds}) == claim.seeds, record.experiment


def test_every_shipped_experiment_states_its_claim():
    assert all(claim_of(one.path).success for one in shipped())

"""Reading .mat files, and what is said of those that are wrong."""

import os

import numpy as np
import pytest
import scipy.io
import torch

from recurra import DamagedFile, MissingFile
from recurra_music.mat import read_mat
from recurra_music.piano_roll_task import PianoRoll


def test_pieces_are_read_as_they_were_written(folder, parts):
    found = read_mat(folder / "JSB_Chorales.mat")
    for split, pieces in parts.items():
        values, starts, counts = found[split]
        assert counts.tolist() == [len(piece) for piece in pieces]
        assert torch.equal(values, torch.tensor(np.concatenate(pieces)))
        assert torch.equal(values[starts], torch.tensor(np.stack([piece[0] for piece in pieces])))


def test_a_column_of_cells_and_other_types_of_numbers_are_read_too(folder, parts):
    one, path = read_mat(folder / "JSB_Chorales.mat"), folder / "other.mat"
    cells = {
        name: value for name, value in scipy.io.loadmat(folder / "JSB_Chorales.mat").items() if "data" in name
    }
    for value in cells.values():
        value[0, :] = [piece.astype(float) for piece in value[0]]
    scipy.io.savemat(path, {name: value.T for name, value in cells.items()})
    assert all(torch.equal(a, b) for s in parts for a, b in zip(one[s], read_mat(path)[s], strict=True))


def test_instances_share_the_pieces_until_the_file_changes(folder, parts, write_mat):
    one, other = (PianoRoll(folder=folder).pieces["train"].values for _ in range(2))
    assert one.data_ptr() == other.data_ptr()
    path = write_mat(folder / "JSB_Chorales.mat", {**parts, "train": parts["test"]})
    os.utime(path, ns=(1, 1))
    assert PianoRoll(folder=folder).count("train") == 3


def piece(*shape, value=1):
    return np.full(shape, value, np.uint8)


WRONG = [
    ([], "traindata in .* holds no piece; take JSB_Chorales.mat"),
    ([piece(3, 88), piece(3, 87)], "piece 2 of traindata in .* is 3 x 87; a piece must be steps x 88"),
    ([piece(88, 3)], "piece 1 of traindata in .* is 88 x 3; a piece must be"),
    ([piece(1, 88)], "piece 1 of traindata in .* has 1 steps, and a piece must have at least two, of which"),
    ([piece(0, 88)], "piece 1 of traindata in .* has 0 steps, and"),
    (
        [piece(4, 88), piece(4, 88, value=2)],
        "piece 2 of traindata in .* contains numbers other than 0 and 1; t",
    ),
    ([np.full((4, 88), np.nan)], "piece 1 of traindata in .* contains numbers other than 0 and 1"),
]


@pytest.mark.parametrize(("pieces", "told"), WRONG)
def test_what_is_no_piece_is_refused_with_its_number(folder, parts, write_mat, pieces, told):
    path = write_mat(folder / "JSB_Chorales.mat", {**parts, "train": pieces})
    with pytest.raises(DamagedFile, match=told) as refused:
        PianoRoll(folder=folder)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_other_variables_are_refused(folder, parts, write_mat):
    write_mat(folder / "JSB_Chorales.mat", {"train": parts["train"], "test": parts["test"]})
    with pytest.raises(DamagedFile, match="has no validdata; it has traindata, testdata; take JSB_Chorales"):
        PianoRoll(folder=folder)
    scipy.io.savemat(folder / "JSB_Chorales.mat", {"traindata": np.zeros((3, 88))})
    with pytest.raises(
        DamagedFile, match=r"^traindata in .* is not a cell array of pieces; take JSB_Chorales"
    ):
        PianoRoll(folder=folder)
    scipy.io.savemat(folder / "JSB_Chorales.mat", {})
    with pytest.raises(DamagedFile, match="has no traindata; it has nothing; take JSB_Chorales"):
        PianoRoll(folder=folder)


@pytest.mark.parametrize("kept", [0, 60, 128, 200, 400, -1])
def test_a_damaged_file_is_refused_in_one_sentence(folder, kept):
    path = folder / "JSB_Chorales.mat"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DamagedFile, match=f"^{path} ") as refused:
        PianoRoll(folder=folder)
    assert "take JSB_Chorales.mat" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_of_another_kind_is_refused(folder):
    path = folder / "JSB_Chorales.mat"
    path.write_bytes(b"PK\x03\x04 something else, and long enough for a head" * 20)
    with pytest.raises(
        DamagedFile, match=rf"^{path} cannot be read as .mat \(.*\); replace it: take JSB_Cho"
    ):
        PianoRoll(folder=folder)


def test_what_is_missing_is_said_with_the_remedy(folder):
    with pytest.raises(
        MissingFile, match=r"^the folder no/where does not exist; take JSB_Chorales.mat.* and"
    ):
        PianoRoll(folder="no/where")
    told = rf"^{folder} has neither MuseData.mat nor MuseData/train-\*.parquet; take JSB_Chorales.mat"
    with pytest.raises(MissingFile, match=told):
        PianoRoll(folder=folder, collection="MuseData")

"""A folder of trees in brackets, as the sentiment task reads it."""

import pytest

FILM = "(3 (2 a) (4 (4 lovely) (2 film)))"
DULL = "(1 (2 a) (0 (0 dull) (2 film)))"
PLAIN = "(2 (2 A) (2 film))"
WORD = "(4 lovely)"


@pytest.fixture
def folder_of(tmp_path):
    """Write train, dev and test, and return the folder; what is not said is a few short sentences."""

    def write(train=(FILM, DULL, PLAIN), dev=(DULL,), test=(PLAIN, FILM, WORD)):
        for name, lines in (("train", train), ("dev", dev), ("test", test)):
            (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n", "utf-8")
        return tmp_path

    return write


@pytest.fixture
def folder(folder_of):
    return folder_of()

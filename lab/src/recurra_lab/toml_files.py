"""Reads TOML files; what is wrong with one is a sentence with the file and the line."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any

from recurra.errors import DamagedFile, MissingFile


def read_table(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        MissingFile: There is no such file.
        DamagedFile: It is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise MissingFile(_no_file(path, error)) from None
    except (ValueError, RecursionError) as error:
        raise DamagedFile(_not_toml(path, error)) from None


def _no_file(path: Path, error: OSError) -> str:
    if path.exists():
        return f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
    if not path.parent.is_dir():
        return f"{path} does not exist: the folder {path.parent} does not exist"
    files = sorted(file.name for file in path.parent.iterdir() if file.suffix == ".toml" and file.is_file())
    close = difflib.get_close_matches(path.name, files, n=1, cutoff=0.4)
    near = f"; did you mean '{path.parent / close[0]}'?" if close else ""
    return f"{path} does not exist{near}"


def _not_toml(path: Path, error: Exception) -> str:
    said = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", str(error), re.DOTALL)
    if isinstance(error, UnicodeDecodeError) or said is None:
        what = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        return f"{path} is not TOML: {what}"
    message = said[1][:1].lower() + said[1][1:]
    if said[2] is None:
        return f"{path} is not TOML: {message} at its end"
    return f"{path}:{said[2]}: not TOML: {message} (column {said[3]})"

"""The folder of compiled steps: where it is, and whether what lies in it can only be this user's work."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import stat
import tempfile
from pathlib import Path

CACHE = "RECURRA_CACHE"
"""The variable that names the folder of what is kept; else `recurra` in the user's cache folder."""
PRIVATE = 0o700

logger = logging.getLogger("recurra_engine.cpu")

_private: dict[int, Path] = {}
_noticed: set[str] = set()


def cache_folder() -> Path:
    """Where compiled steps are kept: in $RECURRA_CACHE, $XDG_CACHE_HOME/recurra or ~/.cache/recurra."""
    if named := os.environ.get(CACHE):
        return Path(named).absolute() / "native"
    caches = Path(os.environ.get("XDG_CACHE_HOME", ""))  # the XDG rules say that a relative one is ignored
    return (caches if caches.is_absolute() else Path("~/.cache").expanduser()) / "recurra" / "native"


def sound_folder() -> Path | None:
    """The cache folder, made where it was not, if nobody else can write to it; closed to others."""
    try:
        folder = cache_folder()
        for missing in [*reversed(folder.parents), folder]:  # each closed to others, whatever the umask
            missing.mkdir(mode=PRIVATE, exist_ok=True)
        folder = folder.resolve(strict=True)
        _refuse_shared(folder)
        if stat.S_IMODE(folder.stat().st_mode) != PRIVATE:
            folder.chmod(PRIVATE)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, or no home
        notice(error)
        return None
    return folder


def _refuse_shared(folder: Path) -> None:
    """Raises PermissionError where others may write to the folder, or exchange one that it lies in."""
    if not only_mine(folder.stat()):
        raise PermissionError(f"other users may write to {folder}")
    for parent in folder.parents:
        about = parent.stat()
        shared = about.st_mode & 0o022 and not about.st_mode & stat.S_ISVTX
        if shared or about.st_uid not in (0, os.geteuid()):
            raise PermissionError(f"other users may write to {parent}")


def only_mine(about: os.stat_result) -> bool:
    """Say whether a file is this user's, and nobody else can write to it."""
    return about.st_uid == os.geteuid() and not about.st_mode & 0o022


def notice(error: Exception) -> None:
    """Say once per process why the cache folder is not used."""
    if not _noticed:
        logger.warning("compiled steps are not cached: %s; set %s to another folder", error, CACHE)
    _noticed.add(str(error))


def private_folder() -> Path:
    """A folder of this process alone, removed when it ends."""
    process = os.getpid()
    if process not in _private:
        _private[process] = Path(tempfile.mkdtemp(prefix="recurra-"))
        atexit.register(_remove, process, _private[process])
    return _private[process]


def _remove(process: int, folder: Path) -> None:
    if os.getpid() == process:  # a forked child runs its parent's exit functions too
        shutil.rmtree(folder, ignore_errors=True)

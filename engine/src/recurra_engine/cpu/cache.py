"""C to a shared library, once: compiled by the machine's own compiler and kept in a folder of the user's."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import json
import os
import platform
import re
import stat
import tempfile
import threading
from pathlib import Path

from recurra_engine.cpu import slow
from recurra_engine.cpu.compiler import FLAGS, Compiler, TooSlow, compile_to, installed
from recurra_engine.cpu.compiler import NoCompiler as NoCompiler
from recurra_engine.cpu.folder import notice, only_mine, private_folder, sound_folder

FORMAT = 1
"""Part of every key: a change makes all that was compiled before unknown."""

_lock = threading.Lock()
_loaded: dict[str, ctypes.CDLL] = {}
_failed: dict[str, str] = {}


def load(source: str, *, name: str) -> ctypes.CDLL:
    """The library that C `source` makes: of this process, else of the cache folder, else compiled now.

    `name` only makes the file's name readable. Threads and processes may ask for the same source at once.

    Raises:
        NoCompiler: there is no compiler, it fails, takes longer than `time_limit()`, or what it makes cannot
            be kept or loaded. A source that failed is not tried again by this process.
    """
    compiler = installed()
    key = _key(source, compiler)
    with _lock:
        if key in _failed:
            raise NoCompiler(_failed[key])
        if key not in _loaded:
            stem = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:60] + "-" + key
            try:
                _loaded[key] = _library(source, stem, compiler)
            except NoCompiler as failure:
                _failed[key] = str(failure)
                raise
            except OSError as error:
                _failed[key] = f"a compiled step cannot be cached or loaded: {error}"
                raise NoCompiler(_failed[key]) from error
        return _loaded[key]


def _renew_lock() -> None:
    """Another thread may have held the lock when this process was forked; here it would never let go."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@functools.cache
def _processor() -> str:
    """What -march=native looks at: a cache on a shared disk serves machines of several kinds."""
    lines: list[str] = []
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
        for line in info:
            if not line.strip() and lines:
                break  # one processor is enough, and hundreds take long to list
            if line.startswith(("model name", "flags", "Features", "CPU part")):
                lines.append(" ".join(line.split()))
    return "\n".join(lines) or platform.processor()


def _key(source: str, compiler: Compiler) -> str:
    parts = [FORMAT, source, compiler.command, compiler.version, FLAGS, platform.machine(), _processor()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _library(source: str, stem: str, compiler: Compiler) -> ctypes.CDLL:
    if (folder := sound_folder()) is not None:
        for path in sorted(folder.glob(f"{stem}-*.so")):
            with contextlib.suppress(OSError):
                return _opened(path)
        slow.refuse_known(folder, stem, compiler)
        try:
            return _opened(_compiled(source, folder, stem, compiler))
        except TooSlow as error:
            slow.remember(folder, stem, compiler, error)
            raise
        except OSError as error:
            notice(error)
    return _opened(_compiled(source, private_folder(), stem, compiler))


def _opened(path: Path) -> ctypes.CDLL:
    """Raises OSError where others may write the file, or it is not what its name says."""
    about = path.lstat()
    if not stat.S_ISREG(about.st_mode) or not only_mine(about):
        raise PermissionError(f"{path} is owned or writable by another user")
    if _digest(path) != path.stem.rpartition("-")[2]:
        raise OSError(f"{path} is damaged")
    return ctypes.CDLL(str(path))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


def _compiled(source: str, folder: Path, stem: str, compiler: Compiler) -> Path:
    """Compile into `folder`; the file appears there whole, under a name that holds its own checksum."""
    handle, made = tempfile.mkstemp(prefix=".making-", suffix=".so", dir=folder)
    os.close(handle)
    making = Path(made)
    try:
        compile_to(made, source, compiler, stem)
        making.chmod(0o600)  # the linker makes a new file, as the umask says
        path = folder / f"{stem}-{_digest(making)}.so"
        making.replace(path)
    finally:
        making.unlink(missing_ok=True)
    return path

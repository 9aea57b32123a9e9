"""What took the compiler too long, remembered in the cache folder: the next process does not wait again."""

from __future__ import annotations

import contextlib
import hashlib
import time
from pathlib import Path

from recurra_engine.cpu.compiler import LIMIT, Compiler, TooSlow, compile_to, time_limit

PROBE, PROBE_LIMIT_S = "int probe;", 5.0
"""A compiler that does not finish this hangs, whatever the source."""
REMEMBERED_S = 24 * 3600.0
"""A machine that was busy is not slow for good."""


def refuse_known(folder: Path, stem: str, compiler: Compiler) -> None:
    """Raise TooSlow where this source, or any source, took the compiler longer than it may take now."""
    limit = time_limit()
    for note, what in (
        (_of_source(folder, stem), stem),
        (_of_compiler(folder, compiler), "whatever it is given"),
    ):
        took = _recorded(note)
        if took is not None and took >= limit:
            message = f"{compiler.command[0]} took longer than {took:g} s on {what} the last time"
            raise TooSlow(f"{message}; {LIMIT} sets the limit", took)


def remember(folder: Path, stem: str, compiler: Compiler, error: TooSlow) -> None:
    """Note that a source took too long or, where the compiler hangs, that every source does."""
    with contextlib.suppress(OSError):  # it is then found out again
        note = _of_compiler(folder, compiler) if _hangs(folder, compiler) else _of_source(folder, stem)
        note.write_text(f"{error.limit_s:g}")


def _hangs(folder: Path, compiler: Compiler) -> bool:
    made = folder / f".making-probe-{time.monotonic_ns()}.so"
    try:
        compile_to(str(made), PROBE, compiler, "a probe", PROBE_LIMIT_S)
    except TooSlow:
        return True
    finally:
        made.unlink(missing_ok=True)
    return False


def _of_source(folder: Path, stem: str) -> Path:
    return folder / f"{stem}.slow"


def _of_compiler(folder: Path, compiler: Compiler) -> Path:
    key = hashlib.sha256(repr((compiler.command, compiler.version)).encode()).hexdigest()[:32]
    return folder / f"compiler-{key}.slow"


def _recorded(note: Path) -> float | None:
    """Return the seconds in a note that is not too old, or None."""
    try:
        return float(note.read_text()) if time.time() - note.stat().st_mtime < REMEMBERED_S else None
    except (OSError, ValueError):
        return None

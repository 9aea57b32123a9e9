"""C code of a learning rule, compiled by the machine's own compiler."""

from __future__ import annotations

import ctypes

from recurra.errors import IncompatibleParts
from recurra_engine.cpu.cache import NoCompiler, load


def compiled_c(source: str, *, name: str) -> ctypes.CDLL:
    """Return the library of a C source; it is compiled once and then kept in the user's cache folder.

    Args:
        source: C11, which may use the standard library and libm.
        name: What is compiled, for the name of the file and for messages.

    Raises:
        IncompatibleParts: There is no C compiler, or it fails.
    """
    try:
        return load(source, name=name)
    except NoCompiler as error:
        raise IncompatibleParts(f"'{name}' needs a C compiler: {error}") from error

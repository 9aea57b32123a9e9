"""Sources to compile, compilers that fail, and processes that compile."""

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

from recurra_engine.cpu import cache as toolchain
from recurra_engine.cpu import compiler, folder


def answering(number):
    return f"int answer(void) {{ return {number}; }}"


def forget():
    """What a new process knows: nothing."""
    for memory in (toolchain._loaded, toolchain._failed, folder._private, folder._noticed):
        memory.clear()
    compiler._installed.cache_clear()


def script(path, *lines):
    """A compiler that tells a version and then does as `lines` say."""
    path.write_text(
        "\n".join(["#!/bin/sh", 'case "$*" in *--version*) echo made up 1.0; exit 0;; esac', *lines])
    )
    path.chmod(0o755)
    return str(path)


def kept(folder):
    return sorted(folder.glob("*.so"))


def started(act):
    """Start a child of this process, which exits with the number that `act` returns; its id.

    A fork, since a new interpreter takes seconds to import torch.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of a fork beside threads
        child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            os._exit(act())
        finally:
            os._exit(255)
    return child


def exit_code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def interpreter(code, **environment):
    """Run `code` in a new interpreter; what it prints, and its complaints."""
    command = [sys.executable, "-c", "from recurra_engine.cpu.cache import load\n" + code]
    env = os.environ | environment
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=40, check=True)
    return done.stdout.split(), done.stderr


def running(process):
    """Whether it runs: a process that ended may wait to be collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False

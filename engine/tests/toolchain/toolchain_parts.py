"""Sources to compile, compilers that fail, and processes that compile."""

import os
import subprocess
import sys
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


def processes(code, count, **environment):
    """Runs `code` in several new processes at once; what each prints."""
    command = [sys.executable, "-c", "from recurra_engine.cpu.cache import load\n" + code]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, env=os.environ | environment, **pipes) for _ in range(count)]
    ended = [(process, *process.communicate(timeout=40)) for process in started]
    assert not [complaints for process, _, complaints in ended if process.returncode]
    return [(said.split(), complaints) for _, said, complaints in ended]


def running(process):
    """Whether it runs: a process that ended may wait to be collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False

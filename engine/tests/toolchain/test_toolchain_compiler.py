"""Every way in which a compiler can fail ends in one sentence."""

import os
import time

import pytest

from recurra import RecurraError
from recurra_engine.cpu import slow
from recurra_engine.cpu.cache import NoCompiler, load

from .toolchain_parts import answering, forget, kept, running, script


class TestNoCompiler:
    def refused(self, match, source="int answer(void) { return 17; }"):
        with pytest.raises(NoCompiler, match=match) as caught:
            load(source, name="a-cell")
        assert isinstance(caught.value, RecurraError)
        assert "\n" not in str(caught.value)

    def test_none_is_installed(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))
        self.refused("there is no C compiler: no cc, gcc or clang")

    def test_the_named_one_is_not_found(self, monkeypatch):
        monkeypatch.setenv("CC", "no-such-compiler -m64")
        self.refused("CC names 'no-such-compiler -m64', which is not found")

    def test_cc_is_no_command(self, monkeypatch):
        monkeypatch.setenv("CC", "gcc 'oh")
        self.refused("CC is 'gcc 'oh', which is not a command")

    def test_it_fails_and_is_not_asked_again(self, monkeypatch, tmp_path, folder):
        count = tmp_path / "count"
        monkeypatch.setenv(
            "CC", script(tmp_path / "bad", f"echo x >> {count}", "echo fatal error: oh no >&2", "exit 1")
        )
        for _ in range(3):
            self.refused(r"bad failed on a-cell-\w+ with status 1: fatal error: oh no")
        assert count.read_text() == "x\n"
        assert not list(folder.iterdir())

    def test_it_does_not_tell_its_version_and_is_not_asked_again(self, monkeypatch, tmp_path):
        path, count = tmp_path / "bad", tmp_path / "count"
        path.write_text(f"#!/bin/sh\necho x >> {count}\nexit 3\n")
        path.chmod(0o755)
        monkeypatch.setenv("CC", str(path))
        for _ in range(3):
            self.refused("bad does not report its version: it exited with status 3")
        assert count.read_text() == "x\n"

    def test_it_cannot_be_run(self, monkeypatch, tmp_path):
        path = tmp_path / "bad"
        path.write_bytes(b"\x7fELF nonsense")
        path.chmod(0o755)
        monkeypatch.setenv("CC", str(path))
        self.refused("bad does not report its version: .*Exec format error")

    def test_the_source_is_wrong(self):
        self.refused(
            r"failed on a-cell-\w+ with status 1: .*error: ", source="int answer(void) { return nonsense; }"
        )

    def test_it_takes_too_long_and_leaves_nothing_running(self, monkeypatch, tmp_path, folder):
        child = tmp_path / "child"
        monkeypatch.setenv("CC", script(tmp_path / "slow", "sleep 60 & echo $! > " + str(child), "wait"))
        monkeypatch.setenv("RECURRA_COMPILE_SECONDS", "1")
        monkeypatch.setattr(slow, "PROBE_LIMIT_S", 0.2)
        start = time.monotonic()
        self.refused(r"slow took longer than 1 s on a-cell-\w+, the limit that RECURRA_COMPILE_SECONDS sets")
        self.refused("slow took longer than 1 s")
        assert time.monotonic() - start < 10
        while running(int(child.read_text())) and time.monotonic() - start < 10:
            time.sleep(0.05)  # a signal takes a moment to arrive
        assert not running(int(child.read_text()))
        assert not kept(folder)

    def slow_once(self, monkeypatch, tmp_path, *lines):
        """A compiler that does as the lines say and then sleeps, and where it counts its calls."""
        count = tmp_path / "count"
        monkeypatch.setenv("CC", script(tmp_path / "slow", f"echo x >> {count}", *lines, "exec sleep 60"))
        monkeypatch.setenv("RECURRA_COMPILE_SECONDS", "0.5")
        monkeypatch.setattr(slow, "PROBE_LIMIT_S", 0.5)
        self.refused("took longer than 0.5 s on a-cell")
        forget()
        return count

    def test_a_source_that_took_too_long_is_refused_at_once_by_the_next_process(self, monkeypatch, tmp_path):
        probe = 'read line; case "$line" in *probe*) exit 0;; esac'
        count = self.slow_once(monkeypatch, tmp_path, probe)
        before = count.read_text()
        self.refused(r"slow took longer than 0.5 s on a-cell-\w+ the last time; RECURRA_COMPILE_SECONDS sets")
        assert count.read_text() == before
        self.refused("took longer than 0.5 s on a-cell", source="int other;")

    def test_a_compiler_that_hangs_is_not_asked_again(self, monkeypatch, tmp_path):
        count = self.slow_once(monkeypatch, tmp_path)
        before = count.read_text()
        self.refused("slow took longer than 0.5 s on whatever it is given the last time", source="int other;")
        assert count.read_text() == before

    def test_a_longer_limit_tries_again(self, monkeypatch, tmp_path):
        count = self.slow_once(monkeypatch, tmp_path)
        before = count.read_text()
        monkeypatch.setenv("RECURRA_COMPILE_SECONDS", "0.6")
        self.refused("took longer than 0.6 s")
        assert count.read_text() > before

    def test_slowness_is_forgotten_after_a_day(self, monkeypatch, tmp_path, folder):
        count = self.slow_once(monkeypatch, tmp_path)
        before = count.read_text()
        for note in folder.glob("*.slow"):
            os.utime(note, (time.time() - 25 * 3600,) * 2)
        self.refused("took longer than 0.5 s on a-cell")
        assert count.read_text() > before

    @pytest.mark.parametrize("limit", ["0", "-1", "soon", "nan"])
    def test_a_limit_that_is_no_time(self, limit, monkeypatch):
        monkeypatch.setenv("RECURRA_COMPILE_SECONDS", limit)
        self.refused(f"RECURRA_COMPILE_SECONDS is '{limit}', which is not a positive number of seconds")

    def test_one_failure_does_not_stop_the_next_source(self):
        self.refused("error", source="nonsense")
        assert load(answering(18), name="eighteen").answer() == 18

    def test_the_named_compiler_and_its_options_are_used(self, monkeypatch):
        monkeypatch.setenv("CC", "gcc -DANSWER=19")
        assert load("int answer(void) { return ANSWER; }", name="nineteen").answer() == 19

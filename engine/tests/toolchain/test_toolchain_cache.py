"""C is compiled once, kept safely, and shared by threads, processes and their children."""

import os
import stat
import threading
import time
from pathlib import Path

import pytest
import torch

from recurra import sequence
from recurra.plugins import registry
from recurra_engine import dispatch
from recurra_engine.cpu import cache as toolchain
from recurra_engine.cpu import compiler
from recurra_engine.cpu.cache import load
from recurra_engine.cpu.folder import cache_folder

from .toolchain_parts import answering, exit_code, forget, kept, started


class TestTheCache:
    def test_a_source_is_compiled_once_in_a_process(self, compiled):
        first = load(answering(1), name="one")
        assert first.answer() == 1
        assert load(answering(1), name="one") is first
        assert len(compiled) == 1

    def test_another_process_finds_it_without_compiling(self, folder, compiled, monkeypatch):
        load(answering(2), name="two")
        forget()
        assert load(answering(2), name="two").answer() == 2
        assert len(compiled) == len(kept(folder)) == 1
        forget()
        assert exit_code(started(lambda: load(answering(2), name="two").answer())) == 2
        assert len(kept(folder)) == 1

    def test_a_warm_look_is_short(self):
        load(answering(3), name="three")
        times = []
        for _ in range(7):
            forget()
            start = time.perf_counter()
            load(answering(3), name="three")
            times.append(time.perf_counter() - start)
        assert min(times) < 0.02

    def test_two_processes_fill_it_at_once(self, folder):
        children = [started(lambda: load(answering(4), name="four").answer()) for _ in range(2)]
        assert [exit_code(child) for child in children] == [4, 4]
        assert len(kept(folder)) == 1
        assert list(folder.iterdir()) == kept(folder)

    def test_threads_compile_a_source_once(self, compiled):
        found, gate = [], threading.Barrier(4)

        def ask():
            gate.wait()
            found.append(load(answering(5), name="five"))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(map(id, found))) == len(compiled) == 1
        assert len(found) == 4

    def test_a_name_is_made_fit_for_a_file(self, folder):
        load(answering(6), name="../a cell*")
        (path,) = folder.parent.parent.rglob("*.so")
        assert path.parent == folder
        assert path.name.startswith(".._a_cell_-")

    @pytest.mark.parametrize("what", ["source", "FLAGS", "FORMAT", "processor", "version", "command"])
    def test_whatever_may_change_the_code_is_part_of_the_key(self, what, monkeypatch):
        asked = compiler.Compiler(("cc",), "1.0")
        before = toolchain._key("a", asked)
        if what == "processor":
            monkeypatch.setattr(toolchain, "_processor", lambda: "another")
        elif what != "source" and what.isupper():
            monkeypatch.setattr(toolchain, what, (*compiler.FLAGS, "-g") if what == "FLAGS" else -1)
        changed = {"version": asked._replace(version="1.1"), "command": asked._replace(command=("gcc",))}
        assert toolchain._key("b" if what == "source" else "a", changed.get(what, asked)) != before
        assert len(before) == 32

    def test_the_processor_is_more_than_its_family(self):
        assert len(toolchain._processor()) > 3
        if os.path.exists("/proc/cpuinfo"):
            assert toolchain._processor().count("\n") < 4

    def test_a_compiled_step_is_this_users_alone(self, folder):
        before = os.umask(0)
        try:
            load(answering(7), name="seven")
        finally:
            os.umask(before)
        assert [stat.S_IMODE(path.stat().st_mode) for path in kept(folder)] == [0o600]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    @pytest.mark.parametrize(
        ("named", "caches", "want"),
        [
            ("/a", "/b", "/a/native"),
            (None, "/b", "/b/recurra/native"),
            (None, "b", "~/.cache/recurra/native"),
        ],
    )
    def test_where_it_lies(self, named, caches, want, monkeypatch):
        monkeypatch.delenv("RECURRA_CACHE")
        if named:
            monkeypatch.setenv("RECURRA_CACHE", named)
        monkeypatch.setenv("XDG_CACHE_HOME", caches)
        assert cache_folder() == Path(want).expanduser()


class TestFork:
    def test_a_child_can_load_though_another_thread_holds_the_lock(self):
        load(answering(20), name="twenty")
        held, done = threading.Event(), threading.Event()

        def hold():
            with toolchain._lock:
                held.set()
                done.wait(60)

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()
        code = exit_code(started(lambda: load(answering(20), name="twenty").answer()))
        done.set()
        holder.join()
        assert code == 20

    def test_what_the_parent_loaded_serves_the_child(self):
        library = load(answering(21), name="twenty-one")
        assert exit_code(started(lambda: load(answering(21), name="twenty-one") is library)) == 1

    def test_a_child_can_run_a_cell_though_another_thread_compiles_one(self):
        cell = registry.load("cell", "elman")(2, hidden_size=3)
        held, done = threading.Event(), threading.Event()

        def hold():
            with dispatch._lock:
                held.set()
                done.wait(60)

        def run():
            with sequence.using("scan"), torch.no_grad():
                return int(cell(torch.zeros(2, 3, 2))[0].shape == (2, 3, 3))

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()
        code = exit_code(started(run))
        done.set()
        holder.join()
        assert code == 1

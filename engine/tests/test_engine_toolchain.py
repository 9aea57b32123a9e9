"""C is compiled once, kept safely, shared by processes, and every way to fail ends in one sentence."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from recurra.errors import RecurraError
from recurra_engine.cpu import cache as toolchain
from recurra_engine.cpu import compiler
from recurra_engine.cpu.cache import NoCompiler, load

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="needs a C compiler"
)


def answering(number):
    return f"int answer(void) {{ return {number}; }}"


def forget():
    """What a new process knows: nothing."""
    for memory in (toolchain._loaded, toolchain._failed, toolchain._private, toolchain._noticed):
        memory.clear()
    compiler._installed.cache_clear()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A cache of this test alone; nothing of this process or its environment goes in or comes out."""
    known = dict(toolchain._loaded)
    forget()
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    yield tmp_path / "cache" / "native"
    for made in toolchain._private.values():
        shutil.rmtree(made, ignore_errors=True)
    forget()
    toolchain._loaded.update(known)


@pytest.fixture
def compiled(monkeypatch):
    """The names of all that is compiled."""
    names, compile_to = [], toolchain.compile_to

    def noting(made, source, compiler, name):
        names.append(name)
        compile_to(made, source, compiler, name)

    monkeypatch.setattr(toolchain, "compile_to", noting)
    return names


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
        ((said, complaints),) = processes(f"print(load({answering(2)!r}, name='two').answer())", 1)
        assert (said, complaints) == (["2"], "")
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
        said = processes(f"print(load({answering(4)!r}, name='four').answer())", 2)
        assert [out for out, _ in said] == [["4"], ["4"]]
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
        assert not stat.S_IMODE(folder.stat().st_mode) & 0o022

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
        assert toolchain.cache_folder() == Path(want).expanduser()


class TestDamage:
    @pytest.mark.parametrize("damage", ["cut", "empty", "changed"])
    def test_a_damaged_file_is_built_again(self, folder, compiled, damage):
        load(answering(8), name="eight")
        (path,) = kept(folder)
        whole = path.read_bytes()
        bad = {"cut": whole[: len(whole) // 2], "empty": b"", "changed": whole[:-9] + b"?" + whole[-8:]}[
            damage
        ]
        # A new file: this process has the old one in its memory.
        (folder / "new").write_bytes(bad)
        (folder / "new").chmod(0o600)
        os.replace(folder / "new", path)
        forget()
        assert load(answering(8), name="eight").answer() == 8
        assert len(compiled) == 2
        forget()
        load(answering(8), name="eight")
        assert len(compiled) == 2

    def test_a_whole_file_that_does_not_load_is_built_again(self, folder, compiled):
        load(answering(9), name="nine")
        (path,) = kept(folder)
        bad = folder / "bad"
        bad.write_bytes(b"no library")
        bad.chmod(0o600)
        stem = path.stem.rpartition("-")[0]
        path.unlink()
        os.replace(bad, folder / f"{stem}-{toolchain._digest(bad)}.so")
        forget()
        assert load(answering(9), name="nine").answer() == 9
        assert len(compiled) == 2

    def test_what_never_loads_is_tried_once(self, compiled):
        broken = "int gone(void); int answer(void) { return gone(); } int (*now)(void) = gone;"
        for _ in range(2):
            with pytest.raises(NoCompiler, match=r"cannot be kept or loaded.*gone"):
                load(broken, name="broken")
        # In the cache folder, then in the private one: a disk may forbid to run what it holds.
        assert len(compiled) == 2

    @pytest.mark.parametrize("others", ["write", "link"])
    def test_a_file_that_others_may_write_is_not_loaded(self, folder, compiled, others, tmp_path):
        load(answering(10), name="ten")
        (path,) = kept(folder)
        if others == "write":
            path.chmod(0o666)
        else:
            path.rename(tmp_path / "elsewhere.so")
            path.symlink_to(tmp_path / "elsewhere.so")
        forget()
        assert load(answering(10), name="ten").answer() == 10
        assert len(compiled) == 2
        assert path.is_file()
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600


class TestAFolderThatWillNotDo:
    def in_private(self, caplog, reason):
        """Two sources compile all the same, with one notice."""
        assert load(answering(11), name="eleven").answer() == 11
        assert load(answering(12), name="twelve").answer() == 12
        (notice,) = caplog.messages
        assert "compiled steps are not kept" in notice
        assert reason in notice
        assert "RECURRA_CACHE" in notice
        (private,) = toolchain._private.values()
        assert len(kept(private)) == 2
        assert stat.S_IMODE(private.stat().st_mode) == 0o700

    def test_a_file_in_its_place(self, folder, caplog):
        folder.parent.write_text("")
        self.in_private(caplog, f"File exists: '{folder.parent}'")

    def test_a_read_only_disk(self, folder, caplog, monkeypatch):
        mkstemp = tempfile.mkstemp

        def refusing(*args, dir, **options):
            if Path(dir) == folder:
                raise OSError(errno.EROFS, "Read-only file system", str(dir))
            return mkstemp(*args, dir=dir, **options)

        monkeypatch.setattr(tempfile, "mkstemp", refusing)
        self.in_private(caplog, "Read-only file system")

    def test_a_read_only_disk_that_holds_the_step_serves_it(self, folder, caplog, compiled, monkeypatch):
        load(answering(13), name="thirteen")
        forget()
        monkeypatch.setattr(tempfile, "mkstemp", None)
        assert load(answering(13), name="thirteen").answer() == 13
        assert not caplog.messages
        assert len(compiled) == 1

    def test_a_folder_that_others_may_write_to(self, folder, caplog):
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        self.in_private(caplog, f"other users may write to {folder}")

    def test_a_folder_in_one_that_others_may_write_to(self, folder, caplog):
        folder.mkdir(parents=True)
        folder.parent.chmod(0o775)
        self.in_private(caplog, f"other users may write to {folder.parent}")

    def test_a_shared_folder_whose_entries_are_their_owners_alone(self, folder, caplog):
        folder.mkdir(parents=True)
        folder.parent.chmod(0o1777)
        assert load(answering(14), name="fourteen").answer() == 14
        assert len(kept(folder)) == 1
        assert not caplog.messages

    def test_a_folder_of_another_user(self, folder, caplog, monkeypatch):
        folder.mkdir(parents=True)
        monkeypatch.setattr(toolchain.os, "geteuid", lambda: folder.stat().st_uid + 1)
        with pytest.raises(NoCompiler, match="is not this user's alone"):
            load(answering(15), name="fifteen")
        assert f"other users may write to {folder}" in caplog.text

    def test_the_private_folder_goes_with_its_process(self, tmp_path):
        (tmp_path / "file").write_text("")
        code = (
            "import os; from recurra_engine.cpu import toolchain\n"
            f"load({answering(16)!r}, name='sixteen')\n"
            "child = os.fork()\nif child == 0: raise SystemExit\nos.waitpid(child, 0)\n"
            "(made,) = toolchain._private.values(); print(made, made.is_dir())"
        )
        (((made, there), complaints),) = processes(code, 1, RECURRA_CACHE=str(tmp_path / "file"))
        assert there == "True"
        assert not Path(made).exists()
        assert complaints.count("compiled steps are not kept") == 1


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
        self.refused("CC is 'gcc 'oh', which is no command")

    def test_it_fails_and_is_not_asked_again(self, monkeypatch, tmp_path, folder):
        count = tmp_path / "count"
        monkeypatch.setenv(
            "CC", script(tmp_path / "bad", f"echo x >> {count}", "echo fatal error: oh no >&2", "exit 1")
        )
        for _ in range(3):
            self.refused(r"bad failed on a-cell-\w+ with 1: fatal error: oh no")
        assert count.read_text() == "x\n"
        assert not list(folder.iterdir())

    def test_it_does_not_tell_its_version_and_is_not_asked_again(self, monkeypatch, tmp_path):
        path, count = tmp_path / "bad", tmp_path / "count"
        path.write_text(f"#!/bin/sh\necho x >> {count}\nexit 3\n")
        path.chmod(0o755)
        monkeypatch.setenv("CC", str(path))
        for _ in range(3):
            self.refused("bad does not tell its version: it ends with 3")
        assert count.read_text() == "x\n"

    def test_it_cannot_be_run(self, monkeypatch, tmp_path):
        path = tmp_path / "bad"
        path.write_bytes(b"\x7fELF nonsense")
        path.chmod(0o755)
        monkeypatch.setenv("CC", str(path))
        self.refused("bad does not tell its version: .*Exec format error")

    def test_the_source_is_wrong(self):
        self.refused(
            r"failed on a-cell-\w+ with 1: .*error: ", source="int answer(void) { return nonsense; }"
        )

    def test_it_takes_too_long_and_leaves_nothing_running(self, monkeypatch, tmp_path, folder):
        child = tmp_path / "child"
        monkeypatch.setenv("CC", script(tmp_path / "slow", "sleep 60 & echo $! > " + str(child), "wait"))
        monkeypatch.setattr(compiler, "TIME_LIMIT_S", 1.0)
        start = time.monotonic()
        self.refused(r"slow took longer than 1 s on a-cell-\w+")
        self.refused("slow took longer than 1 s")
        assert time.monotonic() - start < 10
        while running(int(child.read_text())) and time.monotonic() - start < 10:
            time.sleep(0.05)  # a signal takes a moment to arrive
        assert not running(int(child.read_text()))
        assert not list(folder.iterdir())

    def test_one_failure_does_not_stop_the_next_source(self):
        self.refused("error", source="nonsense")
        assert load(answering(18), name="eighteen").answer() == 18

    def test_the_named_compiler_and_its_options_are_used(self, monkeypatch):
        monkeypatch.setenv("CC", "gcc -DANSWER=19")
        assert load("int answer(void) { return ANSWER; }", name="nineteen").answer() == 19


def running(process):
    """Whether it runs: a process that ended may wait to be collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class TestFork:
    def test_a_child_can_load_though_another_thread_holds_the_lock(self):
        load(answering(20), name="twenty")
        code = (
            "import os, threading; from recurra_engine.cpu import toolchain\n"
            "held, done = threading.Event(), threading.Event()\n"
            "def hold():\n    with toolchain._lock:\n        held.set(); done.wait(60)\n"
            "threading.Thread(target=hold, daemon=True).start(); held.wait()\n"
            "child = os.fork()\n"
            f"if child == 0: os._exit(load({answering(20)!r}, name='twenty').answer())\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])); done.set()"
        )
        ((said, _),) = processes(code, 1)
        assert said == ["20"]

    def test_what_the_parent_loaded_serves_the_child(self):
        code = (
            f"import os; library = load({answering(21)!r}, name='twenty-one')\n"
            "child = os.fork()\n"
            f"if child == 0: os._exit(load({answering(21)!r}, name='twenty-one') is library)\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
        )
        ((said, _),) = processes(code, 1)
        assert said == ["1"]

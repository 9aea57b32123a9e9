"""A damaged file is compiled again, and a folder that will not do is done without."""

import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest

from recurra_engine.cpu import cache as toolchain
from recurra_engine.cpu import folder as folders
from recurra_engine.cpu.cache import NoCompiler, load

from .toolchain_parts import answering, forget, interpreter, kept


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
            with pytest.raises(NoCompiler, match=r"cannot be cached or loaded.*gone"):
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
        assert "compiled steps are not cached" in notice
        assert reason in notice
        assert "RECURRA_CACHE" in notice
        (private,) = folders._private.values()
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

    def test_a_folder_that_others_may_read_is_closed(self, folder, compiled):
        folder.mkdir(parents=True, mode=0o755)
        load(answering(22), name="twenty-two")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        forget()
        load(answering(22), name="twenty-two")
        assert len(compiled) == 1

    def test_a_shared_folder_whose_entries_are_their_owners_alone(self, folder, caplog):
        folder.mkdir(parents=True)
        folder.parent.chmod(0o1777)
        assert load(answering(14), name="fourteen").answer() == 14
        assert len(kept(folder)) == 1
        assert not caplog.messages

    def test_a_folder_of_another_user(self, folder, caplog, monkeypatch):
        folder.mkdir(parents=True)
        monkeypatch.setattr(folders.os, "geteuid", lambda: folder.stat().st_uid + 1)
        with pytest.raises(NoCompiler, match="is owned or writable by another user"):
            load(answering(15), name="fifteen")
        assert f"other users may write to {folder}" in caplog.text

    def test_the_private_folder_goes_with_its_process(self, tmp_path):
        (tmp_path / "file").write_text("")
        code = (
            "import os; from recurra_engine.cpu import folder\n"
            f"load({answering(16)!r}, name='sixteen')\n"
            "child = os.fork()\nif child == 0: raise SystemExit\nos.waitpid(child, 0)\n"
            "(made,) = folder._private.values(); print(made, made.is_dir())"
        )
        (made, there), complaints = interpreter(code, RECURRA_CACHE=str(tmp_path / "file"))
        assert there == "True"
        assert not Path(made).exists()
        assert complaints.count("compiled steps are not cached") == 1

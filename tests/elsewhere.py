"""An environment outside the repository, for packages that others might write."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


class Elsewhere:
    """A folder outside the repository with its own environment, which borrows only what is installed here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "venv", with_pip=False)  # pip is borrowed, too
        paths = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
        self.python = Path(sysconfig.get_path("scripts", vars=paths)) / Path(sys.executable).name
        borrowed = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
        # A plain path would not do: the .pth files of editable installs are read in site folders only.
        lines = [f"import site; site.addsitedir({path!r})\n" for path in borrowed]
        (Path(sysconfig.get_path("purelib", vars=paths)) / "borrowed.pth").write_text("".join(lines))

    def run(self, *arguments, cwd=None, **variables):
        return run(self.python, *arguments, cwd=cwd or self.folder, **variables)


def run(python, *arguments, cwd, **variables):
    """Run Python in a folder, with no network and nothing of this process on its path."""
    hidden = ("PYTHON", "RECURRA_", "PYTEST_", "PIP_", "COLUMNS")
    env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    env |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    env["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), env["PATH"]]
    )  # the build backend's program
    return subprocess.run(
        [str(python), *map(str, arguments)],
        cwd=cwd,
        env=env | variables,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def good(done):
    """Return the output of a command that must have succeeded."""
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
    return done.stdout

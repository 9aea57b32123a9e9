"""Environments outside the repository: for packages that others might write, and for wheels of this one."""

import os
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import distribution, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .packages import project

BUILD = """
import os, sys, uv_build
wheels, *packages = sys.argv[1:]
for package in packages:
    os.chdir(package)
    uv_build.build_wheel(wheels)
"""


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


class Published:
    """A folder outside the repository with an environment of built wheels and of all that these need.

    Args:
        folder: An empty folder.
        packages: Folders of packages of the repository.
        extras: Further distributions, installed here, each as `name` or `name[extra]`.
    """

    def __init__(self, folder: Path, packages: list[Path], extras: tuple[str, ...] = ()) -> None:
        self.folder = folder
        venv.create(folder / "venv", with_pip=False)
        paths = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
        self.scripts = Path(sysconfig.get_path("scripts", vars=paths))
        self.python = self.scripts / Path(sys.executable).name
        site = Path(sysconfig.get_path("purelib", vars=paths))
        ours = {project(package)["project"]["name"] for package in packages}
        for name in closure([*ours, *extras]) - ours:
            link(name, site)
        wheels = folder / "wheels"
        wheels.mkdir()
        good(run(sys.executable, "-c", BUILD, wheels, *packages, cwd=folder))
        pip = (sys.executable, "-m", "pip", "--python", self.python)
        good(run(*pip, "install", "--quiet", "--no-deps", *wheels.iterdir(), cwd=folder))

    def run(self, *arguments, **variables):
        return run(self.python, *arguments, cwd=self.folder, **variables)

    def shell(self, command, *arguments, **variables):
        """Run a script of the environment, as a user does."""
        return run(self.scripts / command, *arguments, cwd=self.folder, **variables)


def closure(names):
    """Return the names of distributions, given as `name` or `name[extra]`, and of all that they need."""
    found, todo = set(), [Requirement(name) for name in names]
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        for extra in {"", *wanted.extras}:
            if (name, extra) not in found:
                found.add((name, extra))
                todo += [need for need in map(Requirement, requires(name) or []) if applies(need, extra)]
    return {name for name, _ in found}


def applies(need, extra):
    return need.marker is None or need.marker.evaluate({"extra": extra})


def link(name, site):
    """Put an installed distribution into another environment, without a copy."""
    for file in distribution(name).files or []:
        top = file.parts[0]
        if top != ".." and not (site / top).exists():
            (site / top).symlink_to(distribution(name).locate_file(top))


def run(program, *arguments, cwd, **variables):
    """Run a program in a folder, with no network and nothing of this process on its path."""
    hidden = ("PYTHON", "RECURRA_", "PYTEST_", "PIP_", "COLUMNS")
    env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    env |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    env["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), env["PATH"]]
    )  # the build backend's program
    return subprocess.run(
        [str(program), *map(str, arguments)],
        cwd=cwd,
        env=env | variables,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def good(done):
    """Return the output of a command that must have succeeded."""
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
    return done.stdout

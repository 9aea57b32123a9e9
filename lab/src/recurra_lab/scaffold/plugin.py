"""New plugins from templates: complete, installable and tested."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from string import Template

from recurra import __version__
from recurra.config.options import fields_of
from recurra.config.ref import Ref
from recurra.plugins import registry
from recurra.plugins.hooks import Kind
from recurra_lab.errors import InvalidName, UnwritableFolder

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SUFFIX = ".template"


@dataclass(frozen=True)
class Blueprint:
    """The differences between kinds other than their templates.

    Args:
        summary: Summary of the generated component, for `recurra list`.
        command: Command that tries it; `$$task`, `$$cell` and `$$driver` stand for installed components.
        holds: Contents of its modules, as lines of the README.
    """

    summary: str
    command: str
    holds: str


BLUEPRINTS: dict[Kind, Blueprint] = {
    "cell": Blueprint(
        "leaky units with a learned forgetting rate",
        "recurra train $task $name",
        "- `src/$module/cell.py`: the state, the options and one step.",
    ),
    "memory": Blueprint(
        "associative matrix whose old entries decay as new ones are written",
        "recurra train $task $driver cell.memory=$name",
        "- `src/$module/memory.py`: the state, the options and one step of writing and reading.",
    ),
    "task": Blueprint(
        "output the random bits seen a fixed number of steps ago",
        "recurra train $name $cell",
        "- `src/$module/task.py`: the data, the loss, the scores and the suite.",
    ),
    "trainer": Blueprint(
        "plain gradient descent",
        "recurra train $task $cell trainer=$name",
        "- `src/$module/trainer.py`: the options.\n- `src/$module/rule.py`: the learning rule.",
    ),
}


@dataclass(frozen=True)
class Plugin:
    """A new plugin with one component.

    Args:
        kind: `cell`, `memory`, `task` or `trainer`.
        name: Name of the component, lower-case words separated by hyphens.

    Raises:
        InvalidName: The name is malformed or already taken by an installed plugin.
    """

    kind: Kind
    name: str

    def __post_init__(self) -> None:
        _check_form(self.name)
        _check_free(self.kind, self.name)

    @property
    def dist(self) -> str:
        """The distribution, which is also the folder: `recurra-leaky-unit`."""
        return f"recurra-{self.name}"

    @property
    def command(self) -> str:
        """The command that tries the component after installation."""
        command = BLUEPRINTS[self.kind].command
        driver = _driver() if "$driver" in command else ""
        return Template(command).substitute(
            name=self.name,
            task=registry.default("task") or "TASK",
            cell=registry.default("cell") or "CELL",
            driver=driver,
        )

    def files(self) -> dict[str, str]:
        """Return path -> content of every file, relative to the plugin's folder."""
        words = self._words()
        templates = files("recurra_lab.scaffold") / "templates"
        found = [*(templates / "common").iterdir(), *(templates / self.kind).iterdir()]
        return {
            _place(file.name.removesuffix(_SUFFIX), words["module"]): Template(
                file.read_text("utf-8")
            ).substitute(words)
            for file in found
        }

    def write(self, folder: Path) -> Path:
        """Write the plugin to a new folder below `folder` and return its path.

        Raises:
            UnwritableFolder: The folder is not empty or cannot be created.
        """
        home = folder / self.dist
        try:
            _check_empty(home)
            for path, content in self.files().items():
                file = home / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content, "utf-8")
        except UnwritableFolder:
            raise
        except OSError as error:
            reason = f"{error.strerror}: {error.filename}"
            raise UnwritableFolder(f"cannot write {home}: {reason}; choose another --folder") from None
        return home

    def _words(self) -> dict[str, str]:
        blueprint, module = BLUEPRINTS[self.kind], self.dist.replace("-", "_")
        names = {"kind": self.kind, "name": self.name, "dist": self.dist, "module": module}
        return {
            **names,
            "cls": _class_name(self.name, self.kind),
            "rule": _class_name(self.name, "rule"),
            "requirement": _requirement("recurra-lab" if self.kind == "trainer" else "recurra-core"),
            "contract": _requirement("recurra-contract"),
            "summary": blueprint.summary,
            "command": self.command,
            "holds": Template(blueprint.holds).substitute(names),
        }


def _driver() -> str:
    """Return a cell whose default memory is the default one, so it can probably use another."""
    memory = registry.default("memory")

    def drives_it(cell: type) -> bool:
        field = fields_of(cell).get("memory")
        return field is not None and isinstance(field.default, Ref) and field.default.name == memory

    return next(iter(registry.suitable("cell", drives_it)), "CELL")


def _check_empty(home: Path) -> None:
    if home.is_dir() and any(home.iterdir()):
        raise UnwritableFolder(f"{home} is not empty; choose another name or another --folder")


def _place(template: str, module: str) -> str:
    if template == "test.py":
        return f"tests/test_{module}.py"
    if template.endswith(".py"):
        return f"src/{module}/{template}"
    return {"gitignore": ".gitignore"}.get(template, template)


def _class_name(name: str, ending: str) -> str:
    """Return `LeakyUnitCell`: with such a suffix it cannot shadow a name that the template imports."""
    words = name.removesuffix(f"-{ending}").split("-")
    return "".join(word.capitalize() for word in [*words, ending])


def _requirement(dist: str) -> str:
    major, minor = (int(number) for number in __version__.split(".")[:2])
    return f"{dist}>={major}.{minor},<{major}.{minor + 1}"


def _check_form(name: str) -> None:
    if _NAME.fullmatch(name) and not keyword.iskeyword(name):
        return
    if keyword.iskeyword(name):
        raise InvalidName(f"'{name}' is a Python keyword; choose another name")
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
    near = re.sub(r"[^a-z0-9]+", "-", spaced).strip("-0123456789")
    hint = f"; did you mean '{near}'?" if near and _NAME.fullmatch(near) else ""
    raise InvalidName(
        f"'{name}' is not a valid name; expected lower-case letters and digits, starting with a letter,"
        f" with single hyphens between words{hint}"
    )


def _check_free(kind: Kind, name: str) -> None:
    for offer in registry.components(kind):
        if offer.component.name == name:
            raise InvalidName(
                f"{offer.dist} {offer.version} already provides a {kind} '{name}'; choose another name"
            )
    dist = f"recurra-{name}"
    try:
        installed = version(dist)
    except PackageNotFoundError:
        return
    raise InvalidName(f"the distribution {dist} {installed} is already installed; choose another name")

"""The packages of the repository, and what each says of itself."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/*/pyproject.toml"))
FRAMEWORK = ("core", "wrappers", "engine", "lab", "contract")
INTEGRATIONS = sorted(path.parent for path in ROOT.glob("integrations/*/pyproject.toml"))
PACKAGES = [*(ROOT / name for name in (*FRAMEWORK, "metapackage")), *INTEGRATIONS, *PLUGINS]


def project(package: Path) -> dict:
    """Return its pyproject.toml."""
    return tomllib.loads((package / "pyproject.toml").read_text("utf-8"))


def name_of(package: Path) -> str:
    """Return its folder in the repository."""
    return str(package.relative_to(ROOT))


def module_of(plugin: Path) -> str:
    """Return the name by which it is imported."""
    return "recurra_" + plugin.name.replace("-", "_")

"""The packages that docs/hooks.md shows, as files."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs/hooks.md").read_text("utf-8")
BLOCK = re.compile(
    r"^```(?:python|toml)\n# (?P<path>(?P<package>acme_\w+)/\S+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)
PYPROJECT = """
[project]
name = "{dist}"
version = "1.0"
dependencies = ["recurra-core"]
[project.entry-points."{group}"]
main = "{target}"
[build-system]
requires = ["uv_build>=0.9"]
build-backend = "uv_build"
"""


def section(heading: str) -> str:
    """The text under a heading of the second level."""
    return re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def files(package: str) -> dict[str, str]:
    """The files of one package, path -> content."""
    return {block["path"]: block["text"] for block in BLOCK.finditer(PAGE) if block["package"] == package}


def entry_point(package: str) -> tuple[str, str]:
    """The group of a package's entry point and what it names."""
    return ("recurra.engines", f"{package}:ENGINE") if package == "acme_engine" else ("recurra", package)


def write_project(package: str, folder: Path) -> Path:
    """Write a package with its pyproject.toml, as somebody would who knows the page alone."""
    home = folder / package.replace("_", "-")
    group, target = entry_point(package)
    texts = {f"src/{path}": text for path, text in files(package).items()}
    dist = package.replace("_", "-")
    texts["pyproject.toml"] = PYPROJECT.format(dist=dist, group=group, target=target)
    for path, text in texts.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text, "utf-8")
    return home

"""Who may import and name whom: the layers of packages, plugins, templates and documents."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from recurra import Component
from recurra.plugins import registry

from .packages import FRAMEWORK, INTEGRATIONS, PLUGINS, ROOT, module_of, name_of, project

WORDS_OF_THE_FRAMEWORK = {"copy", "delta"}
"""Names of components that mean something else there."""


@pytest.mark.parametrize("plugin", PLUGINS, ids=name_of)
def test_a_plugin_imports_no_other_plugin(plugin):
    own = module_of(plugin)
    others = [module_of(other) for other in PLUGINS if other != plugin]
    for path in (plugin / "src").rglob("*.py"):
        words = path.read_text("utf-8").replace(own, "")
        assert not [other for other in others if other in words], path


@pytest.mark.parametrize("plugin", PLUGINS, ids=name_of)
def test_a_plugin_imports_the_contract_kit_only_where_the_kit_looks_for_examples(plugin):
    for path in (plugin / "src").rglob("*.py"):
        imports = re.search(r"\b(from|import) recurra_contract\b", path.read_text("utf-8"))
        assert imports is None or path.name == "contract.py", path


def imported_modules(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("package", [*PLUGINS, ROOT / "wrappers"], ids=name_of)
def test_a_package_of_parts_imports_public_names_alone(package):
    own = module_of(package)
    for path in (package / "src").rglob("*.py"):
        ours = {name for name in imported_modules(path) if name.startswith("recurra")}
        foreign = {name for name in ours if name != own and not name.startswith(f"{own}.")}
        # What the contract needs of a rule is imported by the kit alone.
        kit = {"recurra_contract"} if path.name == "contract.py" else set()
        assert foreign <= {"recurra", "recurra_lab", *kit}, path


@pytest.mark.parametrize("package", INTEGRATIONS, ids=name_of)
def test_an_integration_imports_the_framework_by_public_names_and_plugins_that_it_requires(package):
    needs = " ".join(project(package)["project"]["dependencies"])
    plugins = [module_of(plugin) for plugin in PLUGINS if f"recurra-{plugin.name}>=" in needs]
    for path in (package / "src").rglob("*.py"):
        ours = {name for name in imported_modules(path) if name.startswith("recurra")}
        foreign = {name for name in ours if name.partition(".")[0] not in (*plugins, module_of(package))}
        assert foreign <= {"recurra", "recurra_lab"}, path


def test_nothing_imports_an_integration():
    packages = [*(ROOT / name for name in FRAMEWORK), *PLUGINS]
    modules = [module_of(integration) for integration in INTEGRATIONS]
    for path in (path for package in packages for path in (package / "src").rglob("*.py")):
        assert not [module for module in modules if module in path.read_text("utf-8")], path


def test_templates_and_documents_import_public_names_alone():
    pages = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("*/*/README.md"),
        *ROOT.glob("plugins/*/*/README.md"),
    ]
    templates = ROOT.glob("lab/src/recurra_lab/scaffold/templates/*/*.template")
    for path in [*pages, *templates]:
        imports = re.findall(r"^ *(?:from|import) (recurra[\w.]*)", path.read_text("utf-8"), re.MULTILINE)
        ours = (
            "recurra.",
            "recurra_wrappers.",
            "recurra_engine.",
            "recurra_lab.",
            "recurra_contract.",
            "recurra_sklearn.",
        )
        assert [name for name in imports if name.startswith(ours)] == [], path


@pytest.mark.parametrize("package", ["recurra", "recurra_lab", "recurra_contract"])
def test_every_public_name_is_there_and_no_module_hides_it(package):
    facade = importlib.import_module(package)
    assert [name for name in facade.__all__ if getattr(facade, name) is None] == []
    # A module that is imported becomes an attribute of its package, and takes the name's place.
    assert [name for name in facade.__all__ if importlib.util.find_spec(f"{package}.{name}")] == []


def test_who_may_import_whom():
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path}
    done = subprocess.run(["lint-imports"], cwd=ROOT, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", FRAMEWORK)
def test_no_package_of_the_framework_names_a_plugin(package):
    modules = [module_of(plugin) for plugin in PLUGINS]
    for path in (ROOT / package / "src").rglob("*.py"):
        text = path.read_text("utf-8")
        assert not [module for module in modules if module in text], path


def words_in_code(path: Path) -> set[str]:
    """All strings of a module but its docstrings: examples may name what they like."""
    tree = ast.parse(path.read_text("utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    }


def named_components(word: str, components: Collection[Component]) -> list[str]:
    """The components that a string names: alone as if to look it up, in a command, or as `cell=gru`."""
    alone = [c.name for c in components if word == c.name and c.name not in WORDS_OF_THE_FRAMEWORK]
    commands = re.findall(r"recurra (?:train|info|explain) ([a-z0-9-]+)(?: ([a-z0-9-]+))?", word)
    tried = {name for found in commands for name in found}
    return [
        *alone,
        *(c.name for c in components if re.search(rf"\b{c.kind}=['\"]?{c.name}\b", word)),
        *(c.name for c in components if c.name in tried),
    ]


@pytest.mark.parametrize("package", FRAMEWORK)
def test_no_package_of_the_framework_names_a_component(package):
    components = [offer.component for offer in registry.components()]
    assert len(components) > 50
    found = {
        f"{path.relative_to(ROOT)}: {word!r}"
        for path in (ROOT / package / "src").rglob("*.py")
        for word in words_in_code(path)
        if named_components(word, components)
    }
    assert not found


@pytest.mark.parametrize("word", ["bptt", "try trainer=bptt", "recurra train copy gru", "cell='gru'"])
def test_a_component_is_found_in_a_string(word):
    assert named_components(word, [offer.component for offer in registry.components()])

"""The repository has the shape that its README promises: one test walks every package."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Collection
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from recurra import Component
from recurra.plugins import registry

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/*/pyproject.toml"))
FRAMEWORK = ("core", "wrappers", "engine", "lab", "contract")
PACKAGES = [*(ROOT / name for name in (*FRAMEWORK, "metapackage")), *PLUGINS]
FRAGMENTS = sorted(set(ROOT.glob("changelog.d/*")) - {ROOT / "changelog.d/README.md"})

TOOLS = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}

ROOT_FILES = {
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "conftest.py",
    "constraints.txt",
    "pyproject.toml",
    "requirements.txt",
}
ROOT_FOLDERS = {
    ".ci",
    "benchmarks",
    "changelog.d",
    "contract",
    "core",
    "docs",
    "engine",
    "lab",
    "metapackage",
    "plugins",
    "tests",
    "tools",
    "wrappers",
}

WORDS_OF_THE_FRAMEWORK = {"copy"}
"""Names of components that mean something else there."""

CLASSIFIERS = {
    "Development Status :: 3 - Alpha",
    "Intended Audience :: Science/Research",
    "Programming Language :: Python :: 3 :: Only",
    *(f"Programming Language :: Python :: 3.{minor}" for minor in range(11, 15)),
    "Topic :: Scientific/Engineering :: Artificial Intelligence",
    "Typing :: Typed",
}


def project(package: Path) -> dict:
    return tomllib.loads((package / "pyproject.toml").read_text("utf-8"))


def name_of(package: Path) -> str:
    return str(package.relative_to(ROOT))


def prose(markdown: str) -> str:
    """The text without code, in which brackets mean something else."""
    return re.sub(r"`[^`]*`", "", re.sub(r"```.*?```", "", markdown, flags=re.DOTALL))


def targets(markdown: str) -> list[str]:
    """Where links and images lead: inline, by reference and in HTML."""
    patterns = (r"\]\(([^)\s]+)", r"^\[[^]]+\]: *(\S+)", r"(?:src|href)=[\"']([^\"']+)")
    return [link for pattern in patterns for link in re.findall(pattern, prose(markdown), re.MULTILINE)]


def test_targets_finds_every_way_to_link():
    text = "[a](b.md) ![c](d.svg)\n[e]: f.md\n<img src='g.png'> `h[i](j)`\n```python\nk[l](m)\n```\n"
    assert targets(text) == ["b.md", "d.svg", "f.md", "g.png"]


def test_the_root_holds_only_what_belongs_there():
    if not (ROOT / ".git").exists():
        pytest.skip("only git knows which files belong to the repository, and this is not a checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = listed.stdout.splitlines()
    assert {path for path in paths if "/" not in path} == ROOT_FILES
    assert {path.split("/")[0] for path in paths if "/" in path} == ROOT_FOLDERS


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
class TestPackage:
    def test_its_metadata_is_complete(self, package):
        about = project(package)["project"]
        assert about["license"] == "Apache-2.0"
        assert about["license-files"] == ["LICENSE"]
        assert about["authors"] == [{"name": "The recurra developers"}]
        assert about["readme"] == "README.md"
        assert "recurra" in about["keywords"]
        assert len(set(about["keywords"])) == len(about["keywords"]) > 3
        assert set(about["classifiers"]) >= CLASSIFIERS

    def test_its_licence_is_that_of_the_repository(self, package):
        # A copy: links are not files everywhere, and a dangling one fails the build of a copied package.
        assert not (package / "LICENSE").is_symlink()
        assert (package / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()

    def test_its_types_are_for_its_users_too(self, package):
        (module,) = (package / "src").glob("*/__init__.py")
        assert (module.parent / "py.typed").is_file()

    def test_its_readme_can_be_read_elsewhere(self, package):
        links = targets((package / "README.md").read_text("utf-8"))
        assert not [link for link in links if not re.match(r"https://|#", link)]


def test_there_are_plugins_of_every_kind():
    assert {path.parent.name for path in PLUGINS} == {"cells", "tasks", "trainers"}


@pytest.mark.parametrize("plugin", PLUGINS, ids=name_of)
class TestPlugin:
    def test_names_follow_the_folder(self, plugin):
        about = project(plugin)["project"]
        module = "recurra_" + plugin.name.replace("-", "_")
        assert about["name"] == f"recurra-{plugin.name}"
        assert about["entry-points"]["recurra"] == {plugin.name: module}
        assert (plugin / "src" / module / "__init__.py").is_file()

    def test_depends_on_the_core_or_the_lab_and_on_no_other_plugin(self, plugin):
        needs = project(plugin)["project"]["dependencies"]
        (ours,) = [need for need in needs if need.startswith("recurra")]
        name, _, versions = ours.partition(">=")
        if plugin.parent.name == "trainers":
            assert name == "recurra-lab"
        else:
            assert name in ("recurra-core", "recurra-core[data]")
        assert versions == "0.1,<0.2"

    def test_imports_no_other_plugin(self, plugin):
        own = "recurra_" + plugin.name.replace("-", "_")
        others = [p.name.replace("-", "_") for p in PLUGINS if p != plugin]
        for path in (plugin / "src").rglob("*.py"):
            words = path.read_text("utf-8").replace(own, "")
            assert not [other for other in others if f"recurra_{other}" in words], path

    def test_imports_the_contract_kit_only_where_the_kit_looks_for_examples(self, plugin):
        for path in (plugin / "src").rglob("*.py"):
            imports = re.search(r"\b(from|import) recurra_contract\b", path.read_text("utf-8"))
            assert imports is None or path.name == "contract.py", path

    def test_has_tests_and_a_readme(self, plugin):
        assert list((plugin / "tests").glob("test_*.py"))
        assert len((plugin / "README.md").read_text("utf-8").splitlines()) > 5

    def test_its_readme_installs_what_its_commands_need(self, plugin):
        text = (plugin / "README.md").read_text("utf-8")
        installs = re.findall(r"^pip install .*", text, re.MULTILINE)
        assert installs == ["pip install recurra"]
        assert text.index("pip install recurra\n") < text.index("\nrecurra ")
        assert f"`pip install recurra-{plugin.name}`" in text.replace("\n", " ")


def imported_modules(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("package", [*PLUGINS, ROOT / "wrappers"], ids=name_of)
def test_a_package_of_parts_imports_public_names_alone(package):
    own = "recurra_" + package.name.replace("-", "_")
    for path in (package / "src").rglob("*.py"):
        ours = {name for name in imported_modules(path) if name.startswith("recurra")}
        foreign = {name for name in ours if name != own and not name.startswith(f"{own}.")}
        # What the contract needs of a rule is imported by the kit alone.
        kit = {"recurra_contract"} if path.name == "contract.py" else set()
        assert foreign <= {"recurra", "recurra_lab", *kit}, path


def test_templates_and_documents_import_public_names_alone():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("plugins/*/*/README.md")]
    templates = ROOT.glob("lab/src/recurra_lab/scaffold/templates/*/*.template")
    for path in [*pages, *templates]:
        imports = re.findall(r"^ *(?:from|import) (recurra[\w.]*)", path.read_text("utf-8"), re.MULTILINE)
        ours = ("recurra.", "recurra_wrappers.", "recurra_engine.", "recurra_lab.", "recurra_contract.")
        assert [name for name in imports if name.startswith(ours)] == [], path


@pytest.mark.parametrize("package", ["recurra", "recurra_lab", "recurra_contract"])
def test_every_public_name_is_there_and_no_module_hides_it(package):
    facade = importlib.import_module(package)
    assert [name for name in facade.__all__ if getattr(facade, name) is None] == []
    # A module that is imported becomes an attribute of its package, and takes the name's place.
    assert [name for name in facade.__all__ if importlib.util.find_spec(f"{package}.{name}")] == []


def test_who_may_import_whom():
    done = subprocess.run(["lint-imports"], cwd=ROOT, capture_output=True, text=True, env=TOOLS, check=False)
    assert done.returncode == 0, done.stdout


def test_the_core_is_minimal():
    sources = [path for end in ("py", "pyi") for path in (ROOT / "core/src").rglob(f"*.{end}")]
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in sources)
    needs = [re.match(r"[\w-]+", need)[0] for need in project(ROOT / "core")["project"]["dependencies"]]
    assert lines <= 3_500
    assert needs == ["packaging", "pluggy", "pydantic", "torch"]


@pytest.mark.parametrize("package", FRAMEWORK)
def test_no_package_of_the_framework_names_a_plugin(package):
    modules = ["recurra_" + plugin.name.replace("-", "_") for plugin in PLUGINS]
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


def test_all_packages_have_one_version_and_the_workspace_python():
    versions = {project(package)["project"]["version"] for package in [ROOT, *PACKAGES]}
    pythons = {project(package)["project"]["requires-python"] for package in [ROOT, *PACKAGES]}
    cited = re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    assert list(versions) == cited
    assert pythons == {">=3.11"}


def test_every_package_is_installed_by_the_requirements_and_known_to_the_workspace():
    requirements = (ROOT / "requirements.txt").read_text("utf-8")
    sources = project(ROOT)["tool"]["uv"]["sources"]
    for package in PACKAGES:
        assert f"-e ./{name_of(package)}" in requirements
        assert project(package)["project"]["name"] in sources


def test_the_metapackage_brings_every_plugin():
    lines = project(ROOT / "metapackage")["project"]["dependencies"]
    needs = {re.split(r"\[|>=", line)[0] for line in lines}
    framework = {f"recurra-{name}" for name in FRAMEWORK}
    assert needs == framework | {f"recurra-{plugin.name}" for plugin in PLUGINS}


def test_tool_settings_live_in_the_root_alone():
    for package in PACKAGES:
        assert set(project(package).get("tool", {})) <= {"uv"}, package


def test_no_tests_folder_is_a_package():
    # With import mode importlib, an __init__.py here makes pytest run one file twice and another never.
    found = [p for p in ROOT.rglob("tests/**/__init__.py") if ".venv" not in p.parts]
    assert not found


def test_names_of_changelog_fragments():
    types = "|".join(kind["directory"] for kind in project(ROOT)["tool"]["towncrier"]["type"])
    pattern = rf"(\+[a-z-]+|\d+)\.({types})\.md"
    assert not [path.name for path in FRAGMENTS if not re.fullmatch(pattern, path.name)]


def test_the_changelog_shows_every_fragment():
    command = [sys.executable, "-m", "towncrier", "build", "--draft"]
    draft = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    shown = " ".join(draft.split())
    assert f"## {project(ROOT)['project']['version']} (" in shown
    assert not [path.name for path in FRAGMENTS if " ".join(path.read_text("utf-8").split()) not in shown]


def test_every_extra_that_a_message_names_exists():
    told = {
        Requirement(words)
        for package in PACKAGES
        for file in package.glob("src/**/*.py")
        for words in re.findall(r"pip install '?(recurra[\w-]*\[[\w,]+\])", file.read_text("utf-8"))
    }
    metadata = {
        package: tomllib.loads((package / "pyproject.toml").read_text("utf-8")) for package in PACKAGES
    }
    extras = {
        m["project"]["name"]: set(m["project"].get("optional-dependencies", ())) for m in metadata.values()
    }
    assert told
    assert [str(each) for each in told if not each.extras <= extras[each.name]] == []

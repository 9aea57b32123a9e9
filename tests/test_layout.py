"""The repository has the shape that its README promises: files, metadata, requirements and fragments."""

import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from .packages import FRAMEWORK, PACKAGES, PLUGINS, ROOT, module_of, name_of, project

FRAGMENTS = sorted(set(ROOT.glob("changelog.d/*")) - {ROOT / "changelog.d/README.md"})

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
    "integrations",
    "lab",
    "metapackage",
    "plugins",
    "tests",
    "tools",
    "wrappers",
}

CLASSIFIERS = {
    "Development Status :: 3 - Alpha",
    "Intended Audience :: Science/Research",
    "Programming Language :: Python :: 3 :: Only",
    *(f"Programming Language :: Python :: 3.{minor}" for minor in range(11, 15)),
    "Topic :: Scientific/Engineering :: Artificial Intelligence",
    "Typing :: Typed",
}


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
        module = module_of(plugin)
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

    def test_has_tests_and_a_readme(self, plugin):
        assert list((plugin / "tests").glob("test_*.py"))
        assert len((plugin / "README.md").read_text("utf-8").splitlines()) > 5

    def test_its_readme_installs_what_its_commands_need(self, plugin):
        text = (plugin / "README.md").read_text("utf-8")
        installs = re.findall(r"^pip install .*", text, re.MULTILINE)
        assert installs == ["pip install recurra"]
        assert text.index("pip install recurra\n") < text.index("\nrecurra ")
        assert f"`pip install recurra-{plugin.name}`" in text.replace("\n", " ")


def test_the_core_is_minimal():
    sources = [path for end in ("py", "pyi") for path in (ROOT / "core/src").rglob(f"*.{end}")]
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in sources)
    needs = [re.match(r"[\w-]+", need)[0] for need in project(ROOT / "core")["project"]["dependencies"]]
    assert lines <= 3_500
    assert needs == ["packaging", "pluggy", "pydantic", "torch"]


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
    metadata = [project(package)["project"] for package in PACKAGES]
    extras = {about["name"]: set(about.get("optional-dependencies", ())) for about in metadata}
    assert told
    assert [str(each) for each in told if not each.extras <= extras[each.name]] == []

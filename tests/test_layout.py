"""The repository has the shape that its README promises: one test walks every package."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/*/pyproject.toml"))
PACKAGES = [ROOT / "core", ROOT / "metapackage", *PLUGINS]


def project(package: Path) -> dict:
    return tomllib.loads((package / "pyproject.toml").read_text("utf-8"))


def name_of(package: Path) -> str:
    return str(package.relative_to(ROOT))


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

    def test_depends_on_the_core_and_on_no_other_plugin(self, plugin):
        needs = project(plugin)["project"]["dependencies"]
        ours = [need for need in needs if need.startswith("recurra")]
        assert ours == ["recurra-core>=0.1,<0.2"]

    def test_imports_no_other_plugin(self, plugin):
        own = "recurra_" + plugin.name.replace("-", "_")
        others = [p.name.replace("-", "_") for p in PLUGINS if p != plugin]
        for path in (plugin / "src").rglob("*.py"):
            words = path.read_text("utf-8").replace(own, "")
            assert not [other for other in others if f"recurra_{other}" in words], path

    def test_has_tests_and_a_readme(self, plugin):
        assert list((plugin / "tests").glob("test_*.py"))
        assert len((plugin / "README.md").read_text("utf-8").splitlines()) > 5

    def test_links_of_its_readme_lead_somewhere(self, plugin):
        links = re.findall(r"\]\((?!http)([^)#]+)\)", (plugin / "README.md").read_text("utf-8"))
        assert not [link for link in links if not (plugin / link).exists()]


def test_the_core_names_no_plugin():
    modules = ["recurra_" + plugin.name.replace("-", "_") for plugin in PLUGINS]
    for path in (ROOT / "core/src").rglob("*.py"):
        text = path.read_text("utf-8")
        assert not [module for module in modules if module in text], path


def test_all_packages_have_one_version_and_the_workspace_python():
    versions = {project(package)["project"]["version"] for package in [ROOT, *PACKAGES]}
    pythons = {project(package)["project"]["requires-python"] for package in [ROOT, *PACKAGES]}
    assert len(versions) == 1
    assert pythons == {">=3.11"}


def test_every_package_is_installed_by_the_requirements_and_known_to_the_workspace():
    requirements = (ROOT / "requirements.txt").read_text("utf-8")
    sources = project(ROOT)["tool"]["uv"]["sources"]
    for package in PACKAGES:
        assert f"-e ./{name_of(package)}" in requirements
        assert project(package)["project"]["name"] in sources


def test_the_metapackage_brings_every_plugin():
    needs = {need.split(">=")[0] for need in project(ROOT / "metapackage")["project"]["dependencies"]}
    assert needs == {"recurra-core"} | {f"recurra-{plugin.name}" for plugin in PLUGINS}


def test_tool_settings_live_in_the_root_alone():
    for package in PACKAGES:
        assert set(project(package).get("tool", {})) <= {"uv"}, package


def test_no_tests_folder_is_a_package():
    # With import mode importlib, an __init__.py here makes pytest run one file twice and another never.
    found = [p for p in ROOT.rglob("tests/**/__init__.py") if ".venv" not in p.parts]
    assert not found

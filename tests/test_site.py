"""The site: generated pages name everything, links lead somewhere, examples run, and it builds."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from recurra.plugins import registry
from recurra.plugins.hooks import HOOKS, KINDS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WRITTEN = [path for path in DOCS.rglob("*.md") if not path.relative_to(DOCS).parts[0].startswith("_")]
"""Pages that are not generated."""
EXAMPLES = sorted(path.stem for path in (DOCS / "examples").glob("*.md") if path.stem != "index")
QUICK = ("own-cell", "memories")
TOUR = "ntm_tour"
CODE = re.compile(r"```(?:python|\{code-cell\})\n(.*?)```", re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)\s]*)?\)")
TREE = re.compile(r"```\{toctree\}\n(.*?)```", re.DOTALL)
NEEDED = ("sphinx", "furo", "myst_nb", "sphinx_copybutton")


@pytest.fixture(scope="module")
def site():
    """Return the modules that generate pages."""
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        import recurra_site

        yield recurra_site
    finally:
        sys.path.remove(str(DOCS / "_ext"))


def test_every_public_name_is_in_the_reference(site):
    pages = site.python_names.pages()
    for package in site.python_names.PACKAGES:
        for name in site.python_names.public_names(package):
            assert re.search(rf"\{{py:\w+\}} {package}\.{name}\b", pages[f"reference/{package}.md"]), name


def test_every_command_with_its_options_and_every_hook_is_in_the_reference(site):
    pages = site.commands.pages()
    for name in site.commands.command_names():
        assert f"\n## {name}\n" in pages["reference/commands.md"]
    assert "`--print-config`" in pages["reference/commands.md"]
    assert all(f"{{py:function}} {hook}(" in pages["reference/hooks.md"] for hook in HOOKS)
    assert "`input_kind`" in pages["reference/tags.md"]


def test_every_option_of_a_run_and_every_optimizer_is_in_the_reference(site):
    from recurra_lab.experiments.run_options import RunOptions
    from recurra_lab.extensions.offers import offers

    text = site.options.pages()["reference/options.md"]
    assert all(f"`run.{name}`" in text for name in RunOptions.model_fields)
    for kind in ("optimizer", "schedule"):
        assert all(f"### {offer.component.name}\n" in text for offer in offers(kind))


def test_every_component_is_in_the_gallery(site):
    lists = site.gallery.lists()
    for kind in KINDS:
        listed = set(lists[f"gallery/{kind}/index.md"].split())
        assert {offer.component.name for offer in registry.components(kind)} <= listed


def test_the_page_of_a_component_holds_what_it_is_about(site):
    page = "\n".join(site.gallery.described("cell", "gru"))
    assert "z = σ(" in page
    assert "`cell.hidden_size`" in page
    hidden = 128
    assert f"**{3 * hidden * (8 + hidden + 1) + hidden:,}** parameters" in page  # a second bias in φ


def generated(site):
    results = ROOT / site.results.RESULTS
    names = ["ledger/index.md", *(f"ledger/{path.name}" for path in results.glob("reproductions/*.md"))]
    names += ["speed/index.md", *(f"speed/{path.name}" for path in results.glob("*.md"))]
    names += [*site.gallery.lists(), "reference/options.md"]
    names += [f"reference/{name}.md" for name in (*site.python_names.PACKAGES, "commands", "hooks", "tags")]
    names += [f"gallery/{kind}/{o.component.name}.md" for kind in KINDS for o in registry.components(kind)]
    return {DOCS / "_generated" / name for name in names}


def test_links_between_pages_lead_somewhere(site):
    pages = generated(site)
    for path in WRITTEN:
        text = site.links.relinked(path.read_text("utf-8"), path, ROOT)
        for link in LINK.findall(CODE.sub("", text)):
            target = Path(*(path.parent / link).parts)
            assert target.resolve() in pages or target.is_file(), f"{path}: {link}"


def test_every_page_is_in_a_table_of_contents(site):
    listed = set()
    for path in WRITTEN:
        for entries in TREE.findall(path.read_text("utf-8")):
            for entry in entries.split():
                if not entry.startswith(":"):
                    listed |= set(path.parent.glob(f"{entry}.md"))
    assert set(WRITTEN) - {DOCS / "index.md"} <= listed


def test_a_link_to_a_file_that_is_not_on_the_site_becomes_its_text(site):
    page = DOCS / "engine" / "run.md"
    text = "[a](../../core/x.py) [b](../../benchmarks/results/engine.md#x) [c](trace.md) [d](https://x.y)"
    assert site.links.relinked(text, page, ROOT) == (
        "a [b](../_generated/speed/engine.md#x) [c](trace.md) [d](https://x.y)"
    )


@pytest.mark.parametrize(
    ("doc", "shown"),
    [
        ("Sum.\n\n    y = x\nShapes: x (B).\n", "Sum.\n\n    y = x\nShapes: x (B)."),
        ("Add.\n\nArgs:\n    x: One\n        line.\n\nReturns:\n    All.", None),
    ],
)
def test_docstrings_become_markdown(site, doc, shown):
    made = site.markdown.from_docstring(doc)
    assert made == (shown or "Add.\n\n\n**Args**\n\n- `x`: One\n  line.\n\n\n**Returns**\n\nAll.")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in EXAMPLES]
)
def test_the_code_of_an_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    blocks = CODE.findall((DOCS / "examples" / f"{name}.md").read_text("utf-8"))
    assert blocks
    made = {}
    for block in blocks:
        exec(compile(block, name, "exec"), made)
    if name == TOUR:
        assert made["run"].outcome.steps <= 600
        assert int(made["wrong"]) == 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not all(map(find_spec, NEEDED)), reason="needs the documentation group")
def test_the_site_builds_without_a_warning(tmp_path):
    words = ["-b", "html", "-W", "--keep-going", "-q", "-d", tmp_path / "doctrees", DOCS, tmp_path / "html"]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *words], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "html" / "_generated" / "gallery" / "cell" / "gru.html").is_file()

"""The Sphinx extension of this site: it writes pages from the code before Sphinx reads them.

Each module has `pages()`, which returns the generated pages by their path below `docs/_generated`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from recurra_site import commands, gallery, links, options, pictures, python_names, results

DOCS = Path(__file__).parents[2]
REPOSITORY = DOCS.parent
GENERATED = "_generated"


def texts() -> dict[str, str]:
    """Return all generated pages: path below `docs/_generated` -> MyST Markdown."""
    records = results.records(REPOSITORY)
    return {
        **python_names.pages(),
        **commands.pages(),
        **options.pages(),
        **results.pages(REPOSITORY, records),
        **gallery.pages(REPOSITORY, records),
    }


def write(app: Any) -> None:
    """Write the generated pages and pictures; an unchanged page keeps its date."""
    folder = Path(app.srcdir) / GENERATED
    found = texts()
    pictures.write_all(folder / "pictures")
    results.copy_pictures(REPOSITORY, folder)
    for path, text in found.items():
        _write(folder / path, text)
    for old in folder.rglob("*.md"):
        if old.relative_to(folder).as_posix() not in found:
            old.unlink()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def _relink(app: Any, name: str, source: list[str]) -> None:
    source[0] = links.relinked(source[0], Path(app.env.doc2path(name)), REPOSITORY)


def _clean(app: Any, error: Exception | None) -> None:
    if error is None:
        shutil.rmtree(Path(app.outdir) / "_sources" / GENERATED, ignore_errors=True)


def setup(app: Any) -> dict[str, Any]:
    """Connect the extension."""
    app.connect("builder-inited", write)
    app.connect("source-read", _relink)
    app.connect("build-finished", _clean)
    return {"parallel_read_safe": True}

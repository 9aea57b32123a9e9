"""The code on the pages for users of Python runs, top to bottom, as somebody would paste it."""

import re
from functools import partial
from pathlib import Path

import pytest
import torch

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("python-guide.md", "capabilities.md")


def text_of(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_its_code_runs(page, backend, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # one block writes a file
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    blocks = re.findall(r"```python\n(.*?)```", text_of(page), re.DOTALL)
    assert len(blocks) > 5
    namespace: dict = {"__name__": page}
    for block in blocks:
        exec(compile(block, page, "exec"), namespace)


@pytest.mark.parametrize("page", PAGES)
def test_its_links_lead_somewhere(page):
    text = text_of(page)
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for link in re.findall(r"\]\(([^)]+)\)", text):
        target, _, anchor = link.partition("#")
        assert not target or (DOCS / target).exists(), link
        assert target or anchor in headings, link

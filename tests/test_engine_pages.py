"""The pages of the engine show what it makes of the README's cell today, and every stage of it."""

import re
import runpy
from pathlib import Path

WRITER = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "regenerate_engine_pages.py"))
PAGES = WRITER["PAGES"]
TEXTS = {page.name: page.read_text("utf-8") for page in sorted(PAGES.glob("*.md"))}


def test_the_listings_are_up_to_date():
    shown = WRITER["stages"]()
    stale = [name for name, text in TEXTS.items() if WRITER["updated"](text, shown) != text]
    assert not stale, "run python tools/regenerate_engine_pages.py"


def test_the_constructs_are_up_to_date():
    text = TEXTS[WRITER["CONSTRUCTS"]]
    stale = WRITER["with_constructs"](text, WRITER["constructs"]()) != text
    assert not stale, "run python tools/regenerate_engine_pages.py"


def test_every_stage_is_shown():
    shown = {name for text in TEXTS.values() for name in WRITER["BLOCK"].findall(text)}
    assert shown == set(WRITER["stages"]())


def test_the_files_that_they_name_exist():
    root = PAGES.parents[1]
    places = (root, root / "engine" / "src" / "recurra_engine", root / "core" / "src" / "recurra")
    for name, text in TEXTS.items():
        named = re.findall(r"`([a-z_/]+\.(?:py|h))`", text)
        assert not [word for word in named if not any((place / word).exists() for place in places)], name


def test_their_links_lead_somewhere():
    for name, text in TEXTS.items():
        links = re.findall(r"\]\((?!http)([^)]+)\)", text)
        assert not [link for link in links if not (PAGES / link).exists()], name

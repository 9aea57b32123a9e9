"""Sanitiser of third-party HTML: keeps text, lists, tables and images as data URIs."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

BLOCKS = ("blockquote", "div", "figcaption", "figure", "h3", "h4", "hr", "p", "pre")
LISTS = ("dd", "dl", "dt", "li", "ol", "ul")
TABLES = ("caption", "table", "tbody", "td", "tfoot", "th", "thead", "tr")
WORDS = ("b", "br", "code", "em", "i", "img", "kbd", "s", "small", "span", "strong", "sub", "sup", "u")
KEPT = frozenset((*BLOCKS, *LISTS, *TABLES, *WORDS))
"""Tags that are kept; of other tags, only the content is."""
EMPTY = frozenset(("br", "hr", "img"))
DROPPED = frozenset(("iframe", "math", "noscript", "object", "script", "style", "svg", "template", "title"))
"""Tags that are removed together with their content."""
ATTRIBUTES = {"td": ("colspan", "rowspan"), "th": ("colspan", "rowspan", "scope"), "img": ("alt", "src")}
IMAGES = tuple(f"data:image/{kind};base64," for kind in ("gif", "jpeg", "png", "svg+xml", "webp"))


def sanitized(html: str) -> str:
    """Return HTML with allowed tags only, all of them closed; everything else is escaped or removed."""
    parser = _Sanitizer()
    parser.feed(html)
    parser.close()
    return "".join([*parser.written, *(f"</{tag}>" for tag in reversed(parser.open))])


class _Sanitizer(HTMLParser):
    """Rewrites the document, so that no original text reaches the page unescaped."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.written: list[str] = []
        self.open: list[str] = []
        self.dropping: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in DROPPED:
            self.dropping.append(tag)
        if self.dropping or tag not in KEPT:
            return
        self.written.append(f"<{tag}{''.join(_attributes(tag, attrs))}>")
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in DROPPED:
            self.handle_starttag(tag, attrs)
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.dropping:
            del self.dropping[self.dropping.index(tag) :]
        elif tag in self.open and not self.dropping:
            while self.open:
                closed = self.open.pop()
                self.written.append(f"</{closed}>")
                if closed == tag:
                    return

    def handle_data(self, data: str) -> None:
        if not self.dropping:
            self.written.append(escape(data))


def _attributes(tag: str, attrs: list[tuple[str, str | None]]) -> list[str]:
    kept = [(name, value or "") for name, value in attrs if name in ATTRIBUTES.get(tag, ())]
    return [f' {name}="{escape(value)}"' for name, value in kept if name != "src" or value.startswith(IMAGES)]

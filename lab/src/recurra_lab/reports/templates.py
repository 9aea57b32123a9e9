"""The templates of pages, which escape everything that is filled in."""

from __future__ import annotations

import functools

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("recurra_lab.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def template(name: str) -> Template:
    """Return a template of this folder, such as `page.html.j2`."""
    return _environment().get_template(name)

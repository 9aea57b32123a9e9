"""Report sections of plugins; a section that fails becomes one line and never breaks the report."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from recurra.cell import Network
from recurra.plugins.discovery import short_message
from recurra.plugins.registry import Offer, load_target, named
from recurra.task import Task
from recurra_lab.extensions.offers import offers
from recurra_lab.reports.figures import as_svg
from recurra_lab.reports.sanitize import sanitized
from recurra_lab.training.evaluate import evaluation_mode


@dataclass(frozen=True)
class ReportSection:
    """A section that a plugin adds to the report of a run.

    Args:
        title: Short heading.
        content: A matplotlib figure, or HTML: text, lists, tables and images as data URIs are kept; scripts,
            styles, links and forms are removed.
    """

    title: str
    content: str | Figure


class Shown(NamedTuple):
    """A section as rendered on the page.

    Args:
        title: Text.
        html: Sanitised HTML, or empty.
        uri: An image as a data URI, or empty.
        failure: The error message of a failed section, or empty.
    """

    title: str = ""
    html: str = ""
    uri: str = ""
    failure: str = ""


def sections(folder: Path, experiment: Mapping[str, Any], network: Network, task: Task) -> Iterator[Shown]:
    """Yield the sections of all plugins, sorted by plugin; the arguments are passed to their targets."""
    about = {"folder": folder, "experiment": experiment, "network": network, "task": task}
    for offer in offers("section"):
        yield _shown(offer, about)


def _shown(offer: Offer, about: Mapping[str, Any]) -> Shown:
    try:
        with redirect_stdout(sys.stderr), evaluation_mode(about["network"]):
            made = load_target(offer)(**about)
            return _as_page(made)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit in a plugin must not end the run whose report this is
        return Shown(failure=f"The {named(offer)} failed: {short_message(error)}")


def _as_page(made: Any) -> Shown:
    if not isinstance(made, ReportSection):
        raise TypeError(f"it returned a {type(made).__name__}; expected a recurra_lab.ReportSection")
    if isinstance(made.content, Figure):
        return Shown(str(made.title), uri=as_svg(made.content))
    if isinstance(made.content, str):
        return Shown(str(made.title), html=sanitized(made.content))
    raise TypeError(f"its content is a {type(made.content).__name__}; expected HTML or a matplotlib figure")

"""Text as a recurra plugin; every command reads this module, so it imports nothing heavy."""

from collections.abc import Iterable
from pathlib import Path

from recurra import Component, hookimpl

HERE = "recurra_text"


@hookimpl
def recurra_components() -> Iterable[Component]:
    """Return the tasks."""
    return [
        Component(
            "task",
            "imdb",
            f"{HERE}.imdb_task:IMDB",
            "classify whether a film review is favourable",
            "Maas et al. 2011",
        ),
        Component(
            "task",
            "language-model",
            f"{HERE}.language_model_task:LanguageModel",
            "predict the next character, word or byte of a text, read window by window",
            "Mikolov et al. 2010",
        ),
        Component(
            "task",
            "translation",
            f"{HERE}.translation_task:Translation",
            "translate a sentence: read it, then write its translation",
            "Sutskever et al. 2014",
        ),
    ]


@hookimpl
def recurra_experiments() -> Iterable[Path]:
    """Return the experiments that come with the plugin."""
    return sorted((Path(__file__).parent / "experiments").glob("*/*.toml"))

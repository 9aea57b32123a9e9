"""Argument parsing shared by several commands."""

from __future__ import annotations


def names_and_overrides(
    task: str | None, cell: str | None, overrides: tuple[str, ...]
) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Separate names from overrides: `recurra train -c run.toml seed=3` names neither task nor cell."""
    words = [word for word in (task, cell, *overrides) if word is not None]
    names = [word for word in words[:2] if "=" not in word]
    rest = tuple(words[len(names) :])
    return (*[*names, None, None][:2], rest)  # type: ignore[return-value]

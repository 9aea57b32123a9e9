"""An option that is one of several, each with options of its own."""

from __future__ import annotations

from typing import Any

from recurra.config.options import Options


class Choice(Options):
    """One alternative, told from the others by its `name`."""

    def arguments(self) -> dict[str, Any]:
        """Return every option but the name."""
        return self.model_dump(exclude={"name"})

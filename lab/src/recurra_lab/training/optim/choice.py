"""Options with several alternatives, each with its own options."""

from __future__ import annotations

from typing import Any

from recurra.config.options import Options


class Choice(Options):
    """One alternative, identified by its `name`."""

    def arguments(self) -> dict[str, Any]:
        """Return all options except the name."""
        return self.model_dump(exclude={"name"})

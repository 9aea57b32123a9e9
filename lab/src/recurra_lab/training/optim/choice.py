"""An option that is one of several, each with options of its own."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Choice(BaseModel):
    """One alternative, told from the others by its `name`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    def arguments(self) -> dict[str, Any]:
        """Return every option but the name."""
        return self.model_dump(exclude={"name"})

"""The option that all cells share."""

from typing import Annotated

from pydantic import Field

Size = Annotated[int, Field(gt=0, description="H, number of units")]

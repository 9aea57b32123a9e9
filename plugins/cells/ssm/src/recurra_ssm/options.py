"""The options that several cells share."""

from typing import Annotated

from pydantic import Field

from recurra import InvalidOption

Size = Annotated[int, Field(gt=0, description="H, number of output channels")]
Shortest = Annotated[float, Field(gt=0, description="smallest initial step size Δ")]
Longest = Annotated[float, Field(gt=0, description="largest initial step size Δ")]
Expansion = Annotated[int, Field(gt=0, description="inner width D as a multiple of H")]
Window = Annotated[int, Field(gt=1, description="k, number of steps that the convolution sees")]


def check_range(cell: str, names: tuple[str, str], low: float, high: float) -> None:
    """Refuse a range whose lower end lies above its upper end.

    Raises:
        InvalidOption: `low` is greater than `high`.
    """
    if low > high:
        raise InvalidOption(f"{cell}: {names[0]} = {low} must not exceed {names[1]} = {high}")


def check_divides(cell: str, divisor: tuple[str, int], whole: tuple[str, int]) -> None:
    """Refuse a divisor that leaves a remainder.

    Args:
        cell: Name of the class, for the message.
        divisor: Name and value.
        whole: Name and value.

    Raises:
        InvalidOption: `divisor` does not divide `whole`.
    """
    if whole[1] % divisor[1]:
        raise InvalidOption(f"{cell}: {divisor[0]} = {divisor[1]} must divide {whole[0]} = {whole[1]}")

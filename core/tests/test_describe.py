"""Options in words: the values one takes, and its choices."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from recurra.config.describe import choices_of, values_in_full, values_in_words
from recurra.config.options import Configurable, field_of
from recurra.errors import InvalidOption


@pytest.mark.parametrize(
    ("annotation", "short", "full"),
    [
        (Annotated[int, Field(gt=0)], "integer > 0", "an integer greater than 0"),
        (Annotated[float, Field(ge=0)], "number ≥ 0", "a number of at least 0"),
        (Annotated[float, Field(ge=0, le=1)], "number ≥ 0 and ≤ 1",
         "a number of at least 0 and at most 1"),
        (
            Annotated[int, Field(multiple_of=2)],
            "integer a multiple of 2",
            "an integer that is a multiple of 2",
        ),
        (Annotated[float | None, Field(gt=0)], "number > 0 | none", "a number greater than 0 or none"),
        (Literal["constant", "learned"], "constant | learned", "one of constant, learned"),
        (Literal["auto"] | int, "auto | integer", "auto or an integer"),
        (bool, "true | false", "true or false"),
        (str, "text", "text"),
        (Path | None, "path | none", "a path or none"),
        (list[str], "list of text", "a list of items, each text"),
        (tuple[Annotated[int, Field(gt=0)], ...], "list of integer > 0",
         "a list of items, each an integer greater than 0"),
        (Annotated[tuple[int, ...], Field(min_length=2)], "list of 2 or more: integer",
         "a list of at least 2 items, each an integer"),
        (Annotated[list[str], Field(max_length=1)], "list of at most 1: text",
         "a list of at most 1 item, each text"),
        (Annotated[set[int], Field(min_length=1, max_length=3)], "list of 1 to 3: integer",
         "a list of 1 to 3 items, each an integer"),
        (tuple[int, int], "list of 2: integer", "a list of 2 items, each an integer"),
        (tuple[int, str] | None, "list of 2: integer, text | none",
         "a list of 2 items: an integer, text or none"),
    ],
)  # fmt: skip
def test_values_in_words(annotation, short, full):
    field = field_of(annotation, None)
    assert (values_in_words(field), values_in_full(field)) == (short, full)


class Sizes(Configurable):
    """Lists of several lengths."""

    def __init__(
        self,
        *,
        roles: Annotated[tuple[int, ...], Field(min_length=2)] = (1, 2),
        pair: tuple[int, int] = (1, 2),
        few: Annotated[list[int], Field(min_length=1, max_length=2)] | None = None,
    ) -> None:
        """Take them."""


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"roles": [3]}, "roles = [3]: expected a list of at least 2 items, each an integer"),
        ({"roles": ()}, "roles = (): expected a list of at least 2 items, each an integer"),
        ({"pair": (1,)}, "pair = (1,): expected a list of 2 items, each an integer"),
        ({"pair": (1, 2, 3)}, "pair = (1, 2, 3): expected a list of 2 items, each an integer"),
        ({"few": []}, "few = []: expected a list of 1 to 2 items, each an integer or none"),
        ({"few": [1, 2, 3]}, "few = [1, 2, 3]: expected a list of 1 to 2 items, each an integer or none"),
    ],
)
def test_a_list_of_the_wrong_length_is_told_which_length_it_has(options, told):
    with pytest.raises(InvalidOption) as refused:
        Sizes(**options)
    assert str(refused.value) == f"Sizes: {told}"


def test_choices_are_literals_truth_and_none():
    assert choices_of(Annotated[Literal["a", 3] | bool | None, Field(description="x")]) == [
        "a", "3", "true", "false", "none",
    ]  # fmt: skip
    assert choices_of(int) == []

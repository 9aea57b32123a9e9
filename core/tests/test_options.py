"""Options of a constructor: checked, completed and kept; the same sentences as in the shell."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import ConfigDict, Field

from recurra import Options, Ref
from recurra.config.describe import values_in_words
from recurra.config.options import (
    Configurable,
    alternatives,
    checked_options,
    field_of,
    fields_of,
    keyword_options,
    options_model,
    part_kind,
)
from recurra.errors import InvalidOption

pytestmark = pytest.mark.usefixtures("parts")


def complaint(component, **given):
    with pytest.raises(InvalidOption) as caught:
        component(8, **given) if component.__name__ in ("GRU", "NTM") else component(**given)
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"hiden_size": 3}, "GRU: unknown option 'hiden_size'; did you mean 'hidden_size'?"),
        ({"zzz": 3}, "GRU: unknown option 'zzz'; it has hidden_size, reset, share"),
        ({"hidden_size": -1}, "GRU: hidden_size = -1: expected an integer greater than 0"),
        ({"hidden_size": "abc"}, "GRU: hidden_size = 'abc': expected an integer greater than 0"),
        ({"hidden_size": True}, "GRU: hidden_size = True: expected an integer greater than 0"),
        ({"hidden_size": None}, "GRU: hidden_size = None: expected an integer greater than 0"),
        (
            {"hidden_size": [0] * 99},
            "GRU: hidden_size = a list object: expected an integer greater than 0",
        ),
        ({"reset": "befor"}, "GRU: reset = 'befor': expected one of before, after; did you mean 'before'?"),
        ({"share": 1}, "GRU: share = 1: expected a number of at least 0 and less than 1"),
        (
            {"share": float("inf")},
            "GRU: share = inf: expected a number of at least 0 and less than 1, not infinite or NaN",
        ),
    ],
)
def test_a_wrong_option_of_a_cell(parts, given, told):
    assert complaint(parts.GRU, **given) == told


def test_all_wrong_options_are_told_at_once(parts):
    told = complaint(parts.GRU, hidden_size=0, reset=3, shar=1).splitlines()
    assert told == [
        "GRU: hidden_size = 0: expected an integer greater than 0",
        "GRU: reset = 3: expected one of before, after",
        "GRU: unknown option 'shar'; did you mean 'share'?",
    ]


@pytest.mark.parametrize(
    ("optimizer", "told"),
    [
        ({"lr": -1}, "optimizer.lr = -1: expected a number greater than 0"),
        ({"name": "sgd", "beta1": 0.3}, "unknown option 'optimizer.beta1'; it has name, lr, nesterov"),
        (
            "agd",
            "optimizer = 'agd': there is no optimizer 'agd'; expected one of adam, sgd; did you mean 'sgd'?",
        ),
        (3, "optimizer = 3: expected optimizer with a name, one of adam, sgd"),
    ],
)
def test_a_wrong_alternative(parts, optimizer, told):
    assert complaint(parts.BPTT, optimizer=optimizer) == f"BPTT: {told}"


def test_a_missing_option_of_an_alternative(parts):
    assert complaint(parts.BPTT, schedule="cosine") == (
        "BPTT: schedule.steps is missing; it must be an integer greater than 0"
    )


def test_what_is_no_reference_to_a_part(parts):
    assert complaint(parts.NTM, memory=parts.Matrix()) == (
        "NTM: memory = a Matrix object: expected a memory by reference, such as Ref('memory', 'ntm'),"
        " since its owner builds it"
    )
    assert complaint(parts.NTM, controller=Ref("memory", "tape")) == (
        "NTM: controller = Ref('memory', 'tape'): expected a cell, and 'tape' is referred to as a memory"
    )


def test_options_of_a_part_are_checked_when_it_is_built(parts):
    assert (
        complaint(parts.NTM, memory={"slotz": 3}) == "Matrix: unknown option 'slotz'; did you mean 'slots'?"
    )


def test_a_part_is_a_name_a_dictionary_or_a_reference(parts):
    for memory in ("tape", {"name": "tape"}, Ref("memory", "tape")):
        assert parts.NTM(8, memory=memory).options["memory"] == Ref("memory", "tape")


def test_a_dictionary_without_a_name_is_of_the_default_part(parts):
    controller = checked_options(parts.NTM, {"controller": {}})["controller"]
    assert controller == Ref("cell", "plain", hidden_size=50)
    other = checked_options(parts.NTM, {"controller": {"name": "gru"}})["controller"]
    assert other == Ref("cell", "gru")


def test_an_alternative_is_a_name_a_dictionary_or_a_model(parts):
    made = [
        checked_options(parts.BPTT, {"optimizer": o})["optimizer"]
        for o in ("sgd", {"name": "sgd"}, parts.SGD())
    ]
    assert made == [parts.SGD()] * 3
    assert checked_options(parts.BPTT, {"optimizer": {"lr": 1}})["optimizer"] == parts.Adam(lr=1.0, beta1=0.8)


def test_a_former_name_of_an_option_is_told_the_present_one(parts):
    assert complaint(parts.BPTT, clip=3) == "BPTT: clip is now called clip_norm"


class Inner(Options):
    """A table of options, one of which had another name once."""

    model_config = ConfigDict(title="In there")
    renamed_options = {"breadth": "width"}

    width: Annotated[int, Field(gt=0)] = 1


class Outer(Configurable):
    """A component with a table of options."""

    def __init__(self, *, inner: Inner = Inner(width=2)) -> None:  # noqa: B008 - immutable
        self.inner = inner


def test_a_model_of_options_is_given_as_a_table_or_as_itself():
    assert Outer().inner == Outer(inner={}).inner == Inner(width=2)
    assert Outer(inner={"width": 3}).inner == Outer(inner=Inner(width=3)).inner == Inner(width=3)
    assert complaint(Outer, inner={"width": 0}) == (
        "Outer: inner.width = 0: expected an integer greater than 0"
    )
    assert complaint(Outer, inner={"breadth": 3}) == "Outer: inner.breadth is now called inner.width"


def test_options_are_checked_by_keyword():
    assert Inner.checked({"width": 3}) == Inner(width=3)
    with pytest.raises(InvalidOption) as refused:
        Inner.checked({"breadth": 3, "width": -1, "wide": 2})
    assert str(refused.value).splitlines() == [
        "In there: breadth is now called width",
        "In there: unknown option 'wide'; did you mean 'width'?",
        "In there: width = -1: expected an integer greater than 0",
    ]


def test_defaults_are_kept_beside_what_was_given(parts):
    assert parts.GRU(8, hidden_size=3).options == {"hidden_size": 3, "reset": "after", "share": 0.0}


def test_a_list_stands_for_a_tuple_and_text_for_a_path(parts):
    options = checked_options(parts.Copy, {"lengths": [1, 2], "folder": "x"})
    assert (options["lengths"], options["folder"]) == ((1, 2), Path("x"))


def test_only_the_outermost_constructor_checks(parts):
    class Small(parts.GRU):
        def __init__(self, input_size, *, units: int = 2):
            super().__init__(input_size, hidden_size=units)

    assert Small(8, units=5).options == {"units": 5}
    with pytest.raises(InvalidOption, match=r"^Small: unknown option 'hidden_size'"):
        Small(8, hidden_size=5)


def test_a_part_without_a_default_says_its_kind():
    class Owner(Configurable):
        def __init__(self, *, part: Annotated[Ref, "memory"], other: Annotated[Ref | None, "cell"] = None):
            self.part, self.other = part, other

    assert Owner(part="tape").part == Ref("memory", "tape")
    assert Owner(part="tape", other="gru").other == Ref("cell", "gru")
    assert Owner(part="tape", other=None).other is None
    assert complaint(Owner) == "Owner: part is missing; it must be a component by reference"
    assert complaint(Owner, part=3).startswith("Owner: part = 3: expected a memory by reference")


def test_a_part_given_as_a_table_may_have_an_option_kind(parts):
    controller = checked_options(parts.NTM, {"controller": {"name": "gru", "kind": "fast"}})["controller"]
    assert controller == Ref("cell", "gru", kind="fast")


def test_the_options_of_a_component_are_its_keyword_arguments(parts):
    assert list(keyword_options(parts.NTM)) == ["controller", "memory"]
    assert part_kind(field_of(*keyword_options(parts.NTM)["memory"])) == "memory"
    assert part_kind(field_of(*keyword_options(parts.GRU)["reset"])) is None
    assert set(alternatives(field_of(*keyword_options(parts.BPTT)["optimizer"]))) == {"adam", "sgd"}


def test_a_model_of_options_takes_models_of_parts(parts):
    model = options_model(parts.NTM, memory=options_model(parts.Matrix))
    assert model(memory={"slots": 3}).memory.slots == 3
    assert model().memory.slots == 128


def test_an_option_may_have_the_name_of_a_method_of_dictionaries():
    class Locked(Configurable):
        def __init__(self, *, keys: int = 3):
            self.keys = keys

    assert Locked().keys == 3


def test_an_option_without_an_annotation_takes_anything():
    class Loose(Configurable):
        def __init__(self, *, size=3):
            self.size = size

    assert Loose(size="three").size == "three"
    assert values_in_words(fields_of(Loose)["size"]) == "anything"

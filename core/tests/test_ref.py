"""References to parts: what they hold, their equality, and where they are found."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from recurra import Ref
from recurra.config.options import checked_options
from recurra.config.ref import instances, plain
from recurra.errors import InvalidOption

pytestmark = pytest.mark.usefixtures("parts")


def test_an_option_may_have_the_name_of_an_argument_of_ref():
    ref = Ref("cell", "gru", kind="fast", self=2)
    assert (ref.kind, ref.name, ref.options) == ("cell", "gru", {"kind": "fast", "self": 2})
    assert ref.as_dict() == {"name": "gru", "kind": "fast", "self": 2}


def test_an_option_called_name_cannot_be_set_by_reference():
    with pytest.raises(InvalidOption) as said:
        Ref("cell", "gru", name="other")
    assert str(said.value) == (
        "cell 'gru': the option 'name' cannot be set by reference, since it names the part itself;"
        " give the option another name"
    )


def test_references_are_equal_by_what_they_name():
    assert Ref("cell", "gru", hidden_size=3) == Ref("cell", "gru", hidden_size=3)
    assert Ref("cell", "gru") != Ref("cell", "gru", hidden_size=3)
    assert Ref("cell", "ntm") != Ref("memory", "ntm")
    assert len({Ref("cell", "gru"), Ref("cell", "gru")}) == 1
    assert repr(Ref("cell", "gru", hidden_size=3)) == "Ref('cell', 'gru', hidden_size=3)"


def test_options_become_plain_data(parts):
    options = {"part": Ref("cell", "gru", x=(1, 2)), "model": parts.SGD(), "path": Path("a"), "nothing": None}
    assert plain(options) == {
        "part": {"name": "gru", "x": [1, 2]},
        "model": {"name": "sgd", "lr": 0.01, "nesterov": False},
        "path": "a",
        "nothing": None,
    }


def test_references_are_found_at_any_depth():
    class CellWrapper(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        inner: Ref

    inner = [Ref("cell", name) for name in "abcde"]
    outer = Ref("cell", "outer", parts=(inner[0], [inner[1]]), named={"one": {"two": inner[2]}}, size=3)
    model = CellWrapper(inner=Ref("memory", "m", of=inner[3]))
    names = [
        ref.name for ref in instances({"outer": outer, "model": model, "text": "cell", "last": inner[4]}, Ref)
    ]
    assert names == ["outer", "a", "b", "c", "m", "d", "e"]


def test_checked_options_of_a_reference_are_not_checked_again(parts, monkeypatch):
    options = checked_options(parts.GRU, {"hidden_size": 3})
    checked, plain_ref = Ref.checked("cell", "gru", options), Ref("cell", "gru", **options)
    assert checked == plain_ref
    monkeypatch.setattr("recurra.config.options.checked_options", lambda *given: pytest.fail("checked"))
    assert checked.build(8).options == options
    with pytest.raises(pytest.fail.Exception):
        plain_ref.build(8)

"""Names become classes here and nowhere else."""

import json
import sys

import pytest

from recurra import Ref
from recurra.errors import AmbiguousComponent, BrokenComponent, InvalidOption, UnknownComponent
from recurra.plugins.registry import (
    choose,
    components,
    default,
    extensions,
    find,
    load,
    load_target,
    suggestion,
    suitable,
)
from recurra_lab.experiments import Experiment

TINY = """
from recurra import Cell, Memory, NoState, Task, Trainer

class Tiny(Cell):
    def __init__(self, input_size, *, size: int = 3):
        super().__init__(input_size, input_size)
        self.size = size
    def initial_state(self, batch_size):
        return NoState()
    def step(self, x, state):
        return x, state

class TinyTask(Task): ...
class TinyTrainer(Trainer): ...
tiny = Tiny(2)
"""


@pytest.fixture
def tiny(world):
    world.path.joinpath("tiny_target.py").write_text(TINY)
    return world


def test_components_are_sorted_and_chosen_by_kind(world):
    world.add_good("b-dist", "task", "copy")
    world.add_good("a-dist", "cell", "zeta")
    world.add_good("c-dist", "cell", "alpha", version="2.1")
    assert [offer.component.name for offer in components()] == ["alpha", "zeta", "copy"]
    (offer,) = [offer for offer in components("cell") if offer.component.name == "alpha"]
    assert (offer.dist, offer.version, offer.qualified) == ("c-dist", "2.1", "c-dist:alpha")


def test_components_are_those_of_the_plugins_that_are_loaded_now(world):
    world.add_good("a-dist", "cell", "zeta")
    assert [offer.component.name for offer in components()] == ["zeta"]
    world.add_good("c-dist", "cell", "alpha")
    assert [offer.component.name for offer in components()] == ["alpha", "zeta"]


DEFAULTS = """
from recurra import Component, hookimpl

@hookimpl
def recurra_components():
    return [Component("trainer", name, "a:B", "", default=name in {chosen}) for name in ("a", "b", "c")]
"""


def test_the_first_component_that_is_marked_is_the_default(world):
    assert default("trainer") is None
    world.add("acme", DEFAULTS.format(chosen=["b", "c"]))
    assert default("trainer") == "b"
    world.add("other", DEFAULTS.format(chosen=[]))
    assert default("trainer") == "acme:b"


def test_components_that_fit_are_suggested(tiny):
    tiny.add_good("acme-cells", "cell", "tiny", "tiny_target:Tiny")
    tiny.add_good("broken-cells", "cell", "broken", "no_such_module:Cell")
    assert suitable("cell", lambda cell: cell.__name__ == "Tiny") == ["tiny"]
    assert suggestion("cell", lambda cell: True) == "; choose cell=tiny"
    assert suggestion("cell", lambda cell: False) == ""


@pytest.mark.parametrize("name", ["tiny", "acme-cells:tiny", "Acme_Cells:tiny"])
def test_a_class_is_loaded_by_its_name(tiny, name):
    tiny.add_good("acme-cells", "cell", "tiny", "tiny_target:Tiny")
    assert load("cell", name).__name__ == "Tiny"
    assert Ref("cell", name, size=5).build(2).size == 5


def test_finding_imports_nothing(tiny):
    tiny.add_good("acme-cells", "cell", "tiny", "tiny_target:Tiny")
    assert find("cell", "tiny").component.target == "tiny_target:Tiny"
    assert "tiny_target" not in sys.modules


def test_a_name_offered_twice_is_ambiguous_until_it_is_qualified(world):
    world.add_good("acme-memory", "memory", "ntm")
    world.add_good("other-memory", "memory", "ntm")
    with pytest.raises(AmbiguousComponent) as error:
        find("memory", "ntm")
    assert str(error.value) == "2 plugins offer a memory 'ntm'; write 'acme-memory:ntm' or 'other-memory:ntm'"
    assert find("memory", "other-memory:ntm").dist == "other-memory"


def test_blocking_one_of_two_ends_the_ambiguity(world, monkeypatch):
    world.add_good("acme-memory", "memory", "ntm")
    world.add_good("other-memory", "memory", "ntm")
    monkeypatch.setenv("RECURRA_BLOCK", "acme-memory")
    assert find("memory", "ntm").dist == "other-memory"
    with pytest.raises(UnknownComponent, match="1 installed plugin is blocked by RECURRA_BLOCK; see"):
        find("memory", "acme-memory:ntm")


def test_excluded_plugins_are_counted_in_one_line(world, monkeypatch):
    for dist in ("acme-cells", "acme-tasks", "other-tasks"):
        world.add_good(dist)
    monkeypatch.setenv("RECURRA_PLUGINS", "acme-cells")
    with pytest.raises(UnknownComponent) as error:
        find("task", "copy")
    first, *rest = str(error.value).splitlines()
    assert first == "there is no task 'copy'; installed: none"
    assert rest == ["2 installed plugins are excluded by RECURRA_PLUGINS; see `recurra plugins`"]


def test_what_is_said_of_several_unknown_names_is_said_once_and_last(world, monkeypatch):
    world.add("acme-cells", "import no_such_module_anywhere")
    world.add_good("acme-tasks")
    monkeypatch.setenv("RECURRA_BLOCK", "acme-tasks")
    with pytest.raises(InvalidOption) as error:
        Experiment.compose("copy", "lstm")
    task, cell, trainer, defect, excluded = str(error.value).splitlines()
    assert task.startswith("there is no task 'copy'")
    assert cell.startswith("there is no cell 'lstm'")
    assert trainer.startswith("no trainer was given")
    assert "acme-cells:main: cannot be imported" in defect
    assert excluded == "1 installed plugin is blocked by RECURRA_BLOCK; see `recurra plugins`"


EXTENSION = """
from recurra import Extension, hookimpl

@hookimpl
def recurra_optimizers():
    return [Extension("muon", "json:dumps", "made up")]
"""


def test_extensions_are_listed_chosen_and_loaded_as_components_are(world):
    world.add("acme-optim", EXTENSION)
    (offer,) = extensions("optimizer")
    assert (offer.component.kind, offer.component.name, offer.dist) == ("optimizer", "muon", "acme-optim")
    assert load_target(choose("optimizer", "muon", [offer])) is json.dumps
    assert extensions("schedule") == components() == []
    world.add("other-optim", EXTENSION)
    assert [offer.qualified for offer in extensions()] == ["acme-optim:muon", "other-optim:muon"]
    with pytest.raises(AmbiguousComponent) as error:
        choose("optimizer", "muon", extensions("optimizer"))
    told = "2 plugins offer an optimizer 'muon'; write 'acme-optim:muon' or 'other-optim:muon'"
    assert str(error.value) == told


def test_an_unknown_name_gets_the_nearest_and_the_whole_list(world):
    world.add_good("acme-cells", "cell", "lstm")
    world.add_good("other-cells", "cell", "gru")
    with pytest.raises(UnknownComponent) as error:
        load("cell", "ltsm")
    assert str(error.value) == "there is no cell 'ltsm'; installed: gru, lstm; did you mean 'lstm'?"


def test_a_name_of_another_kind_is_recognised(world):
    world.add_good("acme-memory", "memory", "ntm")
    world.add_good("acme-task", "task", "copy")
    with pytest.raises(UnknownComponent) as error:
        find("task", "ntm")
    assert str(error.value) == "there is no task 'ntm' ('ntm' is a memory); installed: copy"


def test_an_unknown_name_names_the_plugins_that_failed(world):
    world.add("acme-cells", "import no_such_module_anywhere")
    with pytest.raises(UnknownComponent) as error:
        find("cell", "acme")
    first, second = str(error.value).splitlines()
    assert first == "there is no cell 'acme'; installed: none"
    assert second.startswith(
        "a plugin that failed to load may provide it: acme-cells:main: cannot be imported"
    )


@pytest.mark.parametrize("name", ["os:system", "tiny_target:Tiny", "tiny_target.Tiny", "../tiny_target", ""])
def test_a_path_to_a_class_is_no_name_and_imports_nothing(tiny, name):
    tiny.add_good("acme-cells", "cell", "tiny", "tiny_target:Tiny")
    with pytest.raises(UnknownComponent):
        load("cell", name)
    assert "tiny_target" not in sys.modules


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("no_such_module_anywhere:Tiny", "cannot be imported: ModuleNotFoundError"),
        ("tiny_target:Tyni", "cannot be imported: AttributeError"),
        ("exits_target:Tiny", "cannot be imported: it calls sys.exit(1)"),
        ("tiny_target:tiny", "is not a cell: 'tiny_target:tiny' is not a subclass of Cell"),
        ("tiny_target:TinyTask", "is not a cell: 'tiny_target:TinyTask' is not a subclass of Cell"),
    ],
)
def test_a_component_that_cannot_be_loaded_names_its_distribution(tiny, target, sentence):
    tiny.path.joinpath("exits_target.py").write_text("import sys; sys.exit(1)")
    tiny.add_good("acme-cells", "cell", "tiny", target)
    with pytest.raises(BrokenComponent) as error:
        load("cell", "tiny")
    assert str(error.value).startswith(f"cell 'tiny' of acme-cells 1.0 {sentence}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("kind", "name"), [("task", "TinyTask"), ("trainer", "TinyTrainer")])
def test_each_kind_has_its_base_class(tiny, kind, name):
    tiny.add_good("acme-parts", kind, "tiny", f"tiny_target:{name}")
    assert load(kind, "tiny").__name__ == name
    tiny.add_good("acme-wrong", kind, "wrong", "tiny_target:Tiny")
    with pytest.raises(BrokenComponent, match="is not a subclass of"):
        load(kind, "wrong")


def test_a_cell_is_not_a_memory(tiny):
    tiny.add_good("acme-memory", "memory", "tiny", "tiny_target:Tiny")
    with pytest.raises(BrokenComponent, match="is not a subclass of Memory"):
        load("memory", "tiny")


def test_control_c_while_a_component_loads_goes_through(tiny):
    tiny.path.joinpath("stops_target.py").write_text("raise KeyboardInterrupt")
    tiny.add_good("acme-cells", "cell", "tiny", "stops_target:Tiny")
    with pytest.raises(KeyboardInterrupt):
        load("cell", "tiny")

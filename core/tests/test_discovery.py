"""A plugin with a defect is named in one line and stops nobody else."""

import json
import sys

import pytest

from recurra.errors import MissingFile
from recurra.plugins import discovery
from recurra.plugins.discovery import Plugins, add_file
from recurra.plugins.hooks import EXTENSIONS
from recurra.plugins.inventory import FILES, inventory

HEAD = "from recurra.plugins.hooks import Component, Extension, hookimpl\n"
HOOK = HEAD + "@hookimpl\ndef recurra_components():\n    "
DEFECTS = {
    "import error": (
        "import no_such_module_anywhere",
        "cannot be imported: ModuleNotFoundError: No module named",
    ),
    "syntax error": ("def f(:", "cannot be imported: SyntaxError: invalid syntax"),
    "exit": ("import sys; sys.exit(3)", "cannot be imported: it calls sys.exit(3)"),
    "base exception": ("raise GeneratorExit('odd')", "cannot be imported: GeneratorExit: odd"),
    "wrong signature": (
        HEAD + "@hookimpl\ndef recurra_components(verbose):\n    return []",
        "wrong hook: recurra_components(verbose) Argument(s) {'verbose'} are declared in the hookimpl",
    ),
    "misspelt hook": (
        HEAD + "@hookimpl\ndef recurra_component():\n    return []",
        "there is no hook 'recurra_component'; did you mean 'recurra_components'?",
    ),
    "wrong return type": (
        HOOK + "return 7",
        "recurra_components returned a int; expected an iterable of Component",
    ),
    "nothing returned": (HOOK + "pass", "recurra_components returned a NoneType"),
    "wrong item type": (
        HOOK + "return ['ntm']",
        "returned a list with 'ntm'; expected an iterable of Component",
    ),
    "hook raises": (HOOK + "return 1 / 0", "recurra_components failed: ZeroDivisionError: division by zero"),
    "hook exits": (HOOK + "raise SystemExit(0)", "recurra_components failed: it calls sys.exit(0)"),
    "generator raises": (HOOK + "yield 1 / 0", "recurra_components failed: ZeroDivisionError"),
    "bad arguments": (
        HOOK + "return [Component('cell')]",
        "failed: TypeError: Component.__init__() missing 3",
    ),
    "unmarked hook": ("def recurra_components():\n    return []", "is not marked with @recurra.hookimpl"),
    "no hook": ("", "it has none of the hooks recurra_components, recurra_callbacks, recurra_experiments"),
    "wrapper": (
        HEAD + "@hookimpl(wrapper=True)\ndef recurra_components():\n    return (yield)",
        "its hook recurra_components wraps other plugins' hooks",
    ),
    "unknown kind": (
        HOOK + "return [Component('cells', 'x', 'a:B', '')]",
        "'x' is of the kind 'cells', which is not one of cell, memory, task, trainer; did you mean 'cell'?",
    ),
    "unusable name": (
        HOOK + "return [Component('cell', 'My:Cell', 'a:B', '')]",
        "cell 'My:Cell' is not a valid name",
    ),
    "unusable target": (
        HOOK + "return [Component('cell', 'x', 'a.B', '')]",
        "'a.B'; expected 'module:Class'",
    ),
    "not a string": (
        HOOK + "return [Component('cell', 'x', int, '')]",
        "every field of a component except `default` must be a string",
    ),
    "an extension among components": (
        HOOK + "return [Component('optimizer', 'x', 'a:B', '')]",
        "'x' is of the kind 'optimizer', which is not one of cell, memory, task, trainer",
    ),
    "an error that cannot be shown": (
        "class Broken(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise Broken",
        "cannot be imported: Broken, whose message cannot be read",
    ),
    "offered twice": (
        HOOK + "return [Component('cell', 'x', 'a:B', ''), Component('cell', 'x', 'a:C', '')]",
        "it offers the cell 'x' twice",
    ),
}


EXTENSION = HEAD + "@hookimpl\ndef {hook}():\n    return "
EXTENSION_DEFECTS = {
    "Extension('X', 'a:b', '')": "{kind} 'X' is not a valid name",
    "Extension('x', 'a.b', '')": "{kind} 'x' has the target 'a.b'; expected 'module:attribute'",
    "Extension('x', print, '')": "every field of a component except `default` must be a string",
    "Extension('x')": "{hook} failed: TypeError",
    "Component('cell', 'x', 'a:B', '')": "{hook} returned a list with Component(",
    "*2 * [Extension('x', 'a:b', '')]": "it offers the {kind} 'x' twice",
    "1 / 0": "{hook} failed: ZeroDivisionError",
}


def names(plugins):
    return {component.name for _, component in plugins.components}


@pytest.mark.parametrize("case", DEFECTS)
def test_a_defect_is_named_in_one_line_and_stops_nobody(world, case):
    source, sentence = DEFECTS[case]
    world.add("acme-cells", source)
    world.add_good("aaa-first", name="first")
    world.add_good("zzz-last", name="last")
    plugins = world.plugins()
    (defect,) = plugins.defects
    assert sentence in defect.sentence
    assert str(defect).startswith("acme-cells:main: ")
    assert "\n" not in str(defect)
    assert names(plugins) >= {"first", "last"}
    assert plugins.defects == world.plugins().defects


@pytest.mark.parametrize("offered", EXTENSION_DEFECTS)
@pytest.mark.parametrize("kind", EXTENSIONS)
def test_a_defect_of_an_extension_is_named_and_stops_nobody(world, kind, offered):
    told = {"kind": kind, "hook": EXTENSIONS[kind]}
    world.add("acme", EXTENSION.format(**told) + f"[{offered}]")
    world.add("sound", EXTENSION.format(**told) + "[Extension('good', 'a:b', '')]")
    plugins = world.plugins()
    (defect,) = plugins.defects
    assert EXTENSION_DEFECTS[offered].format(**told) in defect.sentence
    assert "good" in {extension.name for _, extension in plugins.extensions if extension.kind == kind}


def test_a_missing_attribute_is_named(world):
    world.add("acme-cells", "", entry_points="[recurra]\nmine = acme_cells:plugin\n")
    (defect,) = world.plugins().defects
    assert str(defect).startswith("acme-cells:mine: cannot be imported: AttributeError")
    assert "plugin" in defect.sentence


def test_a_plugin_that_needs_a_newer_core_is_not_imported(world):
    module = world.add("acme-cells", "", requires=["recurra-core>=99"])
    (defect,) = world.plugins().defects
    assert "it needs recurra-core>=99, and recurra-core 0." in defect.sentence
    assert module not in sys.modules


def test_a_blocked_plugin_is_not_imported(world, monkeypatch):
    module = world.add_good("acme-cells")
    monkeypatch.setenv("RECURRA_BLOCK", "acme-cells")
    assert world.plugins().components == world.plugins().defects == []
    assert module not in sys.modules


def test_a_sound_component_beside_a_bad_one_is_kept(world):
    world.add(
        "acme-cells", HOOK + "return [Component('cell', 'X', 'a:B', ''), Component('cell', 'y', 'a:B', '')]"
    )
    assert names(world.plugins()) == {"y"}


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("main = acme_cells\nmain = acme_cells", "two entry points of one distribution have this name"),
        ("main = acme_cells\nmore = acme_cells", "another entry point has already loaded this plugin"),
    ],
)
def test_a_plugin_that_is_named_twice_is_loaded_once(world, lines, sentence):
    world.add_good("acme-cells", entry_points=f"[recurra]\n{lines}\n")
    plugins = world.plugins()
    assert [defect.sentence for defect in plugins.defects] == [sentence]
    assert names(plugins) == {"good"}


def test_an_entry_point_may_be_an_object(world):
    source = HEAD + "class Plugin:\n    @hookimpl\n    def recurra_components(self):\n        return []\n"
    world.add(
        "acme-cells", source + "plugin = Plugin()", entry_points="[recurra]\nmain = acme_cells:plugin\n"
    )
    assert world.plugins().defects == []


def test_control_c_goes_through_and_names_the_plugin(world):
    world.add("acme-cells", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt) as stop:
        world.plugins()
    assert stop.value.__notes__ == [
        "interrupted in plugin acme-cells:main; RECURRA_BLOCK=acme-cells disables it"
    ]


def test_what_a_plugin_prints_goes_to_stderr(world, capsys):
    world.add("acme-cells", "print('hello')\n" + HOOK + "print('again'); return []")
    world.plugins()
    assert capsys.readouterr() == ("", "hello\nagain\n")


def test_callbacks_of_sound_plugins_survive_a_broken_one(world):
    hook = HEAD + "@hookimpl\ndef recurra_callbacks(folder, experiment):\n    "
    world.add("acme-broken", hook + "raise OSError('disk is gone')")
    world.add("acme-wrong", hook + "return [1]")
    world.add("acme-sound", hook + "return [folder, experiment['seed']]")
    plugins = world.plugins()
    assert plugins.defects == []
    given = {"folder": "runs/1", "experiment": {"seed": "7"}}
    assert [item for _, item in plugins.results("recurra_callbacks", str, **given)] == ["runs/1", "7"]
    first, second = sorted(map(str, plugins.defects))
    assert first == "acme-broken:main: recurra_callbacks failed: OSError: disk is gone"
    assert "expected an iterable of str" in second


def test_a_hook_may_take_fewer_arguments(world):
    world.add("acme-cells", HEAD + "@hookimpl\ndef recurra_callbacks():\n    return []")
    plugins = world.plugins()
    assert plugins.results("recurra_callbacks", str, folder="", experiment={}) == plugins.defects == []


def test_experiments_come_with_their_plugin(world):
    hook = HEAD + "from pathlib import Path\n@hookimpl\ndef recurra_experiments():\n    "
    world.add("acme-broken", hook + "return Path('a.toml')")
    world.add("acme-sound", hook + "yield Path('a.toml')")
    plugins = world.plugins()
    assert [(source.dist, str(path)) for source, path in plugins.experiments()] == [("acme-sound", "a.toml")]
    assert "expected an iterable of Path" in plugins.defects[0].sentence


def test_loading_happens_once_until_the_cache_is_cleared():
    discovery.plugins.cache_clear()
    first = discovery.plugins()
    assert discovery.plugins() is first
    discovery.plugins.cache_clear()
    assert discovery.plugins() is not first


@pytest.fixture
def file_world(world, monkeypatch):
    """A world in which `add_file` may be called: its environment and its path are restored."""
    monkeypatch.setenv(FILES, "")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(discovery, "plugins", discovery.functools.cache(world.plugins))
    return world


def write(folder, name, source):
    folder.mkdir(exist_ok=True)
    folder.joinpath(name).write_text(source)
    return folder / name


def test_one_file_is_a_plugin(file_world, tmp_path):
    assert discovery.plugins().components == []
    file = write(
        tmp_path / "mine", "my_made_up_cell.py", HOOK + "return [Component('cell', 'mine', 'm:C', 'mine')]"
    )
    add_file(file)
    add_file(str(file))
    ((source, component),) = discovery.plugins().components
    assert (source.label, component.name) == ("my_made_up_cell.py:my_made_up_cell", "mine")
    assert discovery.plugins().defects == []


def test_one_file_is_seen_by_the_processes_that_are_started(file_world, tmp_path):
    source = HOOK + "return [Component('cell', 'mine', f'{__name__}:C', 'mine')]"
    add_file(write(tmp_path / "mine", "my_made_up_cell.py", source))
    listed = json.loads(file_world.command("list", "cell", "--json").stdout)
    assert [(row["name"], row["dist"]) for row in listed] == [("mine", "my_made_up_cell.py")]


def test_a_file_that_is_not_there_is_refused_with_the_nearest(file_world, tmp_path):
    write(tmp_path / "mine", "my_cell.py", "")
    with pytest.raises(
        MissingFile, match=r"there is no plugin file '.*my_cel.py'; did you mean '.*my_cell.py'"
    ):
        add_file(tmp_path / "mine" / "my_cel.py")
    assert discovery.plugins().defects == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("copy.py", "another module is called 'copy'; rename the file"),
        ("my-cell.py", "must exist and have a name such as my_cell.py"),
        ("my_cell.txt", "must exist and have a name such as my_cell.py"),
    ],
)
def test_a_file_that_cannot_be_imported_is_a_defect(file_world, tmp_path, name, sentence):
    add_file(write(tmp_path / "mine", name, HOOK + "return []"))
    assert sentence in discovery.plugins().defects[0].sentence


def test_a_file_that_has_gone_is_a_defect(world, tmp_path, monkeypatch):
    monkeypatch.setenv(FILES, str(tmp_path / "gone.py"))
    assert "must exist" in Plugins(inventory([])).defects[0].sentence

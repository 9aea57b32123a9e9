"""Loading plugins one by one, so that a broken one is reported and never stops the others."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module, invalidate_caches
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pluggy

from recurra.errors import MissingFile, nearest
from recurra.plugins import hooks
from recurra.plugins.hooks import (
    ENTRY_POINT_GROUP,
    EXTENSIONS,
    HOOKS,
    KINDS,
    AnyKind,
    Component,
    Extension,
    ExtensionKind,
)
from recurra.plugins.inventory import FILES, Defect, Inventory, Source, inventory, named_files

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class Plugins:
    """The loaded plugins and what is wrong with the rest.

    Args:
        found: What is installed; plugins that are blocked are not touched.

    Attributes:
        inventory: What was found.
        defects: One for every problem, with metadata, at import or in a hook that was called since.
        components: Every valid component with the plugin that offers it.
        extensions: The same of commands, optimizers, schedules, loggers and sections, told apart by `kind`.
        manager: The pluggy manager; its `hook` calls are not guarded, the methods of this class are.
    """

    def __init__(self, found: Inventory) -> None:
        self.inventory = found
        self.defects: list[Defect] = list(found.defects)
        self.manager = pluggy.PluginManager("recurra")
        self.manager.add_hookspecs(hooks)
        self._loaded: dict[str, Source] = {}
        for source in found.wanted:
            self._load(source)
        self.components = list(self._sound(KINDS, self._call("recurra_components", Component)))
        self.extensions = list(self._sound(tuple(EXTENSIONS), self._extensions()))

    def results(self, hook: str, item_type: type, **arguments: Any) -> list[tuple[Source, Any]]:
        """Return what all plugins return from a hook, item by item; one that fails adds a defect.

        Args:
            hook: Its name.
            item_type: What every item must be.
            arguments: Of the hook; an implementation may take fewer.
        """
        return list(self._call(hook, item_type, **arguments))

    def experiments(self) -> list[tuple[Source, Path]]:
        """Return the experiment files that plugins ship, each with its plugin."""
        return list(self._call("recurra_experiments", Path))

    def _load(self, source: Source) -> None:
        if source.label in self._loaded:
            self.defects.append(source.defect("two entry points of one distribution have this name"))
            return
        with self._guard(source, "cannot be imported: "):
            problem = self._registered(_imported(source), source.label)
            if problem:
                self.defects.append(source.defect(problem))
            else:
                self._loaded[source.label] = source
        if source.label not in self._loaded and self.manager.has_plugin(source.label):
            self.manager.unregister(name=source.label)  # pluggy keeps a plugin whose hooks it refused

    def _registered(self, plugin: object, label: str) -> str:
        """Register a plugin and return what is wrong with its hooks, or an empty string."""
        try:
            self.manager.register(plugin, name=label)
        except pluggy.PluginValidationError as error:
            return f"wrong hook: {str(error).partition('hookimpl definition: ')[2] or error}"
        except ValueError:
            return "another entry point has already loaded this plugin"
        return self._problem(plugin)

    def _problem(self, plugin: object) -> str:
        """Return what pluggy accepts in silence but is a mistake: misspelt, unmarked and wrapping hooks."""
        callers = self.manager.get_hookcallers(plugin) or []
        for caller in callers:
            if not caller.has_spec():
                return f"there is no hook '{caller.name}'{nearest(caller.name, HOOKS)}"
            if any(i.plugin is plugin and (i.wrapper or i.hookwrapper) for i in caller.get_hookimpls()):
                return f"its hook {caller.name} wraps other plugins' hooks, which is not allowed"
        for name in HOOKS:
            if callable(getattr(plugin, name, None)) and name not in {caller.name for caller in callers}:
                return f"its function {name} is not marked with @recurra.hookimpl"
        return "" if callers else f"it has none of the hooks {', '.join(HOOKS)}"

    def _extensions(self) -> Iterator[tuple[Source, Component]]:
        for kind, hook in EXTENSIONS.items():
            for source, offered in self._call(hook, Extension):
                yield source, as_component(kind, offered)

    def _sound(
        self, kinds: Sequence[AnyKind], offered: Iterable[tuple[Source, Component]]
    ) -> Iterator[tuple[Source, Component]]:
        seen = set()
        for source, component in offered:
            identity = (source.dist, component.kind, component.name)
            problem = component_problem(component, kinds)
            if not problem and identity in seen:
                problem = f"it offers the {component.kind} '{component.name}' twice"
            if problem:
                self.defects.append(source.defect(problem))
            else:
                seen.add(identity)
                yield source, component

    def _call(self, hook: str, item_type: type, **arguments: Any) -> Iterator[tuple[Source, Any]]:
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            source = self._loaded[implementation.plugin_name]
            items: list[Any] = []
            with self._guard(source, f"{hook} failed: "):
                given = {name: arguments[name] for name in implementation.argnames}
                items = _items(implementation.function(**given), hook, item_type)
            yield from ((source, item) for item in items)

    @contextmanager
    def _guard(self, source: Source, doing: str) -> Iterator[None]:
        try:
            with redirect_stdout(sys.stderr):  # a plugin that prints must not spoil `--json`
                yield
        except KeyboardInterrupt as stop:
            stop.add_note(f"interrupted in plugin {source.label}; RECURRA_BLOCK={source.dist} disables it")
            raise
        except BaseException as error:  # sys.exit in a plugin must not end the others
            self.defects.append(source.defect(doing + short_message(error)))


@functools.cache
def plugins() -> Plugins:
    """Return the installed plugins, loaded once; `plugins.cache_clear()` makes the next call look again."""
    return Plugins(inventory())


def add_file(path: str | Path) -> None:
    """Add a one-file plugin to this process and, through `RECURRA_FILES`, to those that it starts.

    Raises:
        MissingFile: There is no such file.
    """
    file = Path(path).resolve()
    if not file.is_file():
        siblings = [str(Path(path).with_name(other.name)) for other in file.parent.glob("*.py")]
        raise MissingFile(f"there is no plugin file '{path}'{nearest(str(path), siblings)}")
    os.environ[FILES] = os.pathsep.join(map(str, dict.fromkeys([*named_files(), file])))
    plugins.cache_clear()


def as_component(kind: ExtensionKind, offered: Extension) -> Component:
    """Return an extension in the form in which the registry keeps and finds all that has a name."""
    return Component(kind, offered.name, offered.target, offered.summary)  # type: ignore[arg-type]


def component_problem(component: Component, kinds: Sequence[AnyKind]) -> str:
    """Return what is wrong with a component's description, which is of one of these kinds, or nothing."""
    kind, name, target = component.kind, component.name, component.target
    if not all(isinstance(value, str) for field, value in vars(component).items() if field != "default"):
        return f"every field of a component except `default` must be a string, got {component}"
    if kind not in kinds:
        return (
            f"'{name}' is of the kind '{kind}', which is not one of {', '.join(kinds)}{nearest(kind, kinds)}"
        )
    if not _NAME.fullmatch(name):
        return f"{kind} '{name}' is not a valid name; expected lower-case letters, digits, '.', '_' and '-'"
    if not _TARGET.fullmatch(target):
        expected = "module:Class" if kind in KINDS else "module:attribute"
        return f"{kind} '{name}' has the target '{target}'; expected '{expected}'"
    return ""


def short_message(error: BaseException) -> str:
    """Return an exception as one line."""
    if isinstance(error, SystemExit):
        return f"it calls sys.exit({error.code!r})"
    try:
        message = str(error)
    except Exception:
        message = "its message cannot be read"
    return " ".join(f"{type(error).__name__}: {message}".split())


def _imported(source: Source) -> object:
    if Path(source.target).is_absolute():
        return _imported_file(Path(source.target))
    plugin: object = EntryPoint(source.entry_point, source.target, ENTRY_POINT_GROUP).load()
    return plugin


def _imported_file(file: Path) -> object:
    # Under its own name and from a folder on the path: `my_cell:MyCell` works, and spawned workers find it.
    if not (file.is_file() and file.suffix == ".py" and file.stem.isidentifier()):
        raise ImportError(f"{file} must exist and have a name such as my_cell.py")
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    invalidate_caches()
    spec = find_spec(file.stem)
    if spec is None or spec.origin is None or Path(spec.origin).resolve() != file:
        raise ImportError(f"another module is called '{file.stem}'; rename the file")
    return import_module(file.stem)


def _items(result: Any, hook: str, item_type: type) -> list[Any]:
    expected = f"expected an iterable of {item_type.__name__}"
    if not isinstance(result, Iterable):
        raise TypeError(f"{hook} returned a {type(result).__name__}; {expected}")
    items = list(result)
    wrong = next((item for item in items if not isinstance(item, item_type)), None)
    if wrong is not None:
        raise TypeError(f"{hook} returned a {type(result).__name__} with {wrong!r}; {expected}")
    return items

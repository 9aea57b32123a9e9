"""What plugins offer by name: the index, and the only place where names become classes and functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, TypeVar

from packaging.utils import canonicalize_name

from recurra.errors import AmbiguousComponent, BrokenComponent, UnknownComponent, nearest
from recurra.plugins import discovery
from recurra.plugins.hooks import EXTENSIONS, KINDS, AnyKind, Component, ExtensionKind, Kind
from recurra.plugins.inventory import Source

C = TypeVar("C")

_BASES = {kind: f"recurra.{kind}:{kind.title()}" for kind in KINDS}


@dataclass(frozen=True)
class Offer:
    """A component and the distribution that offers it."""

    component: Component
    dist: str
    version: str

    @property
    def qualified(self) -> str:
        """The spelling that names one component even when two plugins offer the name: `dist:name`."""
        return f"{self.dist}:{self.component.name}"

    def answers_to(self, name: str) -> bool:
        """Tell whether `name` is this component's name or its qualified spelling."""
        dist, colon, short = name.rpartition(":")
        return short == self.component.name and (
            not colon or canonicalize_name(dist) == canonicalize_name(self.dist)
        )


def components(kind: Kind | None = None) -> list[Offer]:
    """Return what the loaded plugins offer, of one kind or of all, sorted by kind, name and distribution."""
    return [offer for offer in _components(discovery.plugins()) if kind in (None, offer.component.kind)]


@lru_cache(maxsize=1)
def _components(plugins: discovery.Plugins) -> tuple[Offer, ...]:
    return tuple(_offers(plugins.components, None, KINDS))


def extensions(kind: ExtensionKind | None = None) -> list[Offer]:
    """Return the commands, optimizers and so on that the loaded plugins offer, sorted as components are."""
    return _offers(discovery.plugins().extensions, kind, tuple(EXTENSIONS))


def _offers(
    offered: Iterable[tuple[Source, Component]], kind: AnyKind | None, order: Sequence[AnyKind]
) -> list[Offer]:
    offers = [Offer(c, source.dist, source.version) for source, c in offered if kind in (None, c.kind)]
    return sorted(offers, key=lambda o: (order.index(o.component.kind), o.component.name, o.dist))


def default(kind: Kind) -> str | None:
    """Return the name of the component that is used where none of its kind is named, if there is one."""
    offers = components(kind)
    chosen = next((offer for offer in offers if offer.component.default), None)
    if chosen is None:
        return None
    same = [offer for offer in offers if offer.component.name == chosen.component.name]
    return chosen.component.name if len(same) == 1 else chosen.qualified


def suitable(kind: Kind, fits: Callable[[type], bool]) -> list[str]:
    """Return the names of the components of a kind whose class fits.

    It imports all of them, so it is for messages; those that cannot be imported are left out.
    """
    found = []
    for offer in components(kind):
        try:
            if fits(load(kind, offer.qualified)):
                found.append(offer.component.name)
        except BrokenComponent:
            continue
    return list(dict.fromkeys(found))


def suggestion(kind: Kind, fits: Callable[[type], bool]) -> str:
    """Return `; choose cell=a or cell=b` for the components that are suitable, or nothing if none is."""
    words = [f"{kind}={name}" for name in suitable(kind, fits)]
    return f"; choose {' or '.join(words)}" if words else ""


def find(kind: Kind, name: str) -> Offer:
    """Return the component that `name` or `dist:name` means, without importing it; errors as in `choose`."""
    return choose(kind, name, components(kind))


def choose(kind: AnyKind, name: str, offers: Sequence[Offer]) -> Offer:
    """Return the one of these offers that `name` or `dist:name` means.

    Raises:
        UnknownComponent: There is none.
        AmbiguousComponent: Two distributions offer it.
    """
    found = [offer for offer in offers if offer.answers_to(name)]
    if not found:
        raise UnknownComponent("\n".join(_unknown(kind, name, offers)))
    if len(found) > 1:
        written = " or ".join(f"'{offer.qualified}'" for offer in found)
        raise AmbiguousComponent(f"{len(found)} plugins offer {with_article(kind)} '{name}'; write {written}")
    return found[0]


def with_article(kind: str) -> str:
    """Return a kind for a sentence: `a cell`, `an optimizer`."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def load(kind: Kind, name: str) -> type:
    """Return the class of a component, imported on first use.

    Raises:
        UnknownComponent: No loaded plugin offers it.
        AmbiguousComponent: Two distributions offer it.
        BrokenComponent: Its module cannot be imported, or has no such subclass of the kind's base class.
    """
    return load_class(find(kind, name), _attribute(_BASES[kind]))


def load_class(offer: Offer, base: type[C]) -> type[C]:
    """Return the class that an offer describes.

    Raises:
        BrokenComponent: Its module cannot be imported, or has no such subclass of `base`.
    """
    found = load_target(offer)
    if not (isinstance(found, type) and issubclass(found, base)):
        message = f"'{offer.component.target}' is not a subclass of {base.__name__}"
        raise BrokenComponent(f"{named(offer)} is not {with_article(offer.component.kind)}: {message}")
    return found


def load_target(offer: Offer) -> Any:
    """Return what an offer describes, whatever it is.

    Raises:
        BrokenComponent: Its module cannot be imported, or has no such attribute.
    """
    try:
        return _attribute(offer.component.target)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit in a plugin's module is its defect, not the end of the program
        message = f"{named(offer)} cannot be imported: {discovery.short_message(error)}"
        raise BrokenComponent(message) from error


def _attribute(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def named(offer: Offer) -> str:
    """Return an offer for a sentence: `cell 'gru' of recurra-gru 0.1.0`."""
    return f"{offer.component.kind} '{offer.component.name}' of {offer.dist} {offer.version}".rstrip()


def _unknown(kind: AnyKind, name: str, offers: Sequence[Offer]) -> Iterator[str]:
    """Say what is there, what is nearest, and which plugins that are not loaded might offer it."""
    names = list(dict.fromkeys(offer.component.name for offer in offers))
    close = nearest(name, [*names, *(offer.qualified for offer in offers)])
    kinds = dict.fromkeys(offer.component.kind for offer in components() if offer.answers_to(name))
    other = "".join(f" ('{name}' is a {elsewhere})" for elsewhere in kinds)
    yield f"there is no {kind} '{name}'{other}; installed: {', '.join(names) or 'none'}{close}"
    plugins = discovery.plugins()
    for defect in plugins.defects:
        yield f"a plugin that failed to load may provide it: {defect}"
    reasons = Counter(source.blocked for source in plugins.inventory.sources if source.blocked)
    for reason, count in reasons.items():
        left_out = "1 installed plugin is" if count == 1 else f"{count} installed plugins are"
        yield f"{left_out} {reason}; see `recurra plugins`"

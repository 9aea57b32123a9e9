"""The components that a distribution offers, for those who check them all."""

from __future__ import annotations

from recurra.errors import BrokenComponent, UnknownComponent, nearest
from recurra.plugins.discovery import plugins
from recurra.plugins.hooks import Component
from recurra.plugins.registry import components


def components_of(dist: str) -> list[Component]:
    """Return the components that an installed distribution offers.

    Raises:
        BrokenComponent: The distribution is a plugin with a defect.
        UnknownComponent: No plugin of that name is installed, or it offers nothing.
    """
    offers = components()
    found = [offer.component for offer in offers if offer.dist == dist]
    defects = [str(defect) for defect in plugins().defects if defect.dist == dist]
    if defects:
        raise BrokenComponent("\n".join(defects))
    if not found:
        known = sorted({offer.dist for offer in offers})
        near = nearest(dist, known) or f"; installed are {', '.join(known)}"
        raise UnknownComponent(f"no plugin '{dist}' with components is installed{near}")
    return found

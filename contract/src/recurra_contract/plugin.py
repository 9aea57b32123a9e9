"""The plugin that adds `recurra check` to the command line."""

from collections.abc import Iterable

from recurra.plugins.hooks import Extension, hookimpl


@hookimpl
def recurra_commands() -> Iterable[Extension]:
    """Offer the command."""
    return [Extension("check", "recurra_contract.command:check", "Check a plugin against its contract.")]

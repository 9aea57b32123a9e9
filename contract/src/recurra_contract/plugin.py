"""The plugin that adds `recurra check` to the shell."""

from collections.abc import Iterable

from recurra.plugins.hooks import Command, hookimpl


@hookimpl
def recurra_commands() -> Iterable[Command]:
    """Offer the command."""
    return [Command("check", "recurra_contract.command:check", "Check a plugin against its contract.")]

"""`arb venues`: what the installed exchanges can do, and their venues imitated on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import click

from ._lazy import LazyGroup

_LAZY: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "fake": ("arb.cli.venues_fake:command", "Serve an exchange's venue, imitated, on a port of this machine."),
    }
)


@click.group(name="venues", cls=LazyGroup, lazy=_LAZY)
def command() -> None:
    """Look at exchanges, and imitate them."""

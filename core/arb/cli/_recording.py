"""Saying that traffic is recorded."""

from __future__ import annotations

from pathlib import Path

import click

from arb.kernel import Composition
from arb.runtime import simulated_exchanges


def say_recording(composition: Composition, folder: Path) -> None:
    """Print what is written where; nothing where every exchange is simulated, which is refused later."""
    names = [name for name, is_simulated in simulated_exchanges(composition).items() if not is_simulated]
    if names:
        click.echo(f"Recording the traffic of {', '.join(names)} in {folder}; secrets are left out.", err=True)

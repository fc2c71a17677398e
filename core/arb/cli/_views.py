"""The views of a run that need no terminal: nothing, or a line for each important event."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import click

from arb.model import Event
from arb.runtime import App

from ._watching import event_line, is_important


class NoView:
    """Shows nothing."""

    def shown(self) -> AbstractContextManager[None]:
        """Return a context without effect."""
        return nullcontext()

    def observe(self, app: App) -> None:
        """Look away."""

    def tell(self, event: Event) -> None:
        """Keep silent."""


class LineView:
    """Prints one line for each important event."""

    def __init__(self, head: str) -> None:
        self._head = head

    def shown(self) -> AbstractContextManager[None]:
        """Print what is run."""
        click.echo(self._head, err=True)
        return nullcontext()

    def observe(self, app: App) -> None:
        """Do nothing: the events say what changed."""

    def tell(self, event: Event) -> None:
        """Print an important event."""
        if is_important(event):
            click.echo(event_line(event), err=True)

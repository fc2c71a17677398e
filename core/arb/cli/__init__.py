"""The `arb` command. Every command is a module of its own, imported when it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import click

from arb._version import __version__

from ._errors import broken_pipes_kept, open_standard_streams, run_command
from ._lazy import LazyGroup

__all__ = ["main"]

_COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "run": ("arb.cli.run:command", "Run the strategies that a configuration names."),
        "demo": ("arb.cli.demo:command", "Trade thirty simulated days and report, without any account."),
        "plugins": ("arb.cli.plugins:command", "List, inspect, check and create plugins."),
        "venues": ("arb.cli.venues:command", "Look at exchanges, and imitate their venues."),
        "config": ("arb.cli.config:command", "Check, show, describe and create configuration files."),
        "positions": ("arb.cli.positions:command", "Show the hedges and positions of a stored run."),
        "events": ("arb.cli.events:command", "Show the events of a stored run."),
        "funding": ("arb.cli.funding:command", "Collect, import, compare and judge funding rates."),
        "orders": ("arb.cli.orders:command", "Show the orders of a stored run, and how good they were."),
        "explain": ("arb.cli.explain:command", "Say why a hedge or an order came about, and what became of it."),
        "ledger": ("arb.cli.ledger:command", "Show the double-entry books of a stored run."),
        "pnl": ("arb.cli.pnl:command", "Profit and loss by hedge, exchange, asset or day."),
        "report": ("arb.cli.report:command", "Account for a stored run, to the last unit."),
        "halt": ("arb.cli.halt:command", "Open no more risk, at once and until a person resumes."),
        "resume": ("arb.cli.resume:command", "Lift halts, in the name of a person."),
        "flatten": ("arb.cli.flatten:command", "Emergency exit: cancel every order and close every position."),
        "simulate": ("arb.cli.simulate:command", "Prove in simulated runs that no hedge is ever silently unhedged."),
        "db": ("arb.cli.db:command", "Look at the database, bring it forward, and copy it."),
        "doctor": ("arb.cli.doctor:command", "Check this machine, the installation and a configuration."),
    }
)


class _Root(LazyGroup):
    """Ends the process with the exit code that fits, and one message."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line; with `standalone_mode=False` exceptions pass through."""

        def work() -> Any:
            return super(_Root, self).main(args, prog_name, complete_var, standalone_mode=False, **extra)

        if not standalone_mode:
            return work()
        open_standard_streams()
        sys.exit(run_command(work))

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Parse the command line, which is where `--help` prints."""
        with broken_pipes_kept():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with broken_pipes_kept():
            return super().invoke(ctx)


@click.group(
    name="arb",
    cls=_Root,
    lazy=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `arb demo`, then `arb config init`. Each command explains itself with --help.",
)
@click.version_option(__version__, prog_name="arb")
@click.option("--no-plugins", is_flag=True, help="Use no plugin at all; ARB_DISABLE_PLUGINS=NAME,... leaves out some.")
@click.pass_context
def main(ctx: click.Context, no_plugins: bool) -> None:
    """Delta-neutral funding-rate arbitrage on perpetual futures."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        ctx.color = False

"""Global options of `arb`, as commands read them."""

from __future__ import annotations

import os

import click

from arb.kernel import disabled_names


def disabled_plugins() -> frozenset[str]:
    """Return what `--no-plugins` and ARB_DISABLE_PLUGINS switch off in the running command."""
    context = click.get_current_context(silent=True)
    no_plugins = bool(context and context.find_root().params.get("no_plugins"))
    return disabled_names(os.environ, no_plugins=no_plugins)

"""The matrix of exchanges and capabilities, as the installed plugins declare them."""

from __future__ import annotations

from typing import Any

import click

from ._kit_report import stored_tier
from ._options import disabled_plugins
from ._output import print_json, print_table

_YES = "yes"


def print_matrix(*, as_json: bool) -> bool:
    """Print what each installed exchange declares; return whether every one of them could be asked."""
    rows = matrix()
    if as_json:
        print_json({"venues": rows})
    elif rows:
        names = sorted({name for row in rows for name in row["capabilities"]})
        cells = [
            [row["name"], row["tier"], *(_YES if name in row["capabilities"] else "-" for name in names), row["reason"]]
            for row in rows
        ]
        # Exchanges are the columns: there are more capabilities than anybody has exchanges.
        head, *body = zip(["", "tier", *names, "reason"], *cells, strict=True)
        print_table([str(cell) for cell in head], [line for line in body if any(line[1:])])
    else:
        click.echo("No exchange is installed.")
    return all(not row["reason"] for row in rows)


def matrix() -> list[dict[str, Any]]:
    """Return name, tier, capabilities and trouble of each installed exchange; each is asked in a process of its own."""
    from arb.kernel import Family, Status, installed_plugins, probe_plugins

    refs = [ref for ref in installed_plugins(disabled=disabled_plugins()) if ref.family is Family.EXCHANGES]
    usable = [ref for ref in refs if ref.status is not Status.DISABLED]
    return [
        {
            "name": ref.name,
            "distribution": ref.dist_name,
            "version": ref.dist_version,
            "tier": stored_tier(ref),
            "capabilities": sorted(result.details.get("capabilities", ())),
            "reason": "" if result.ok else result.reason,
        }
        for ref, result in zip(usable, probe_plugins(usable), strict=True)
    ]

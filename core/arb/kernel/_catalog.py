"""Which plugins are installed, told from metadata alone: nothing of a plugin is imported.

This module is on the way of `arb plugins list`, so it imports little itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from arb._version import __version__

from ._compat import fits, kernel_range
from ._metadata import InstalledDist, installed_dists

KERNEL_DIST: Final = "arb-core"
DISABLE_VARIABLE: Final = "ARB_DISABLE_PLUGINS"
EVERY_PLUGIN: Final = frozenset({"*"})
"""Disables all plugins, as `--no-plugins` does."""

NAME_PATTERN: Final = r"[a-z0-9][a-z0-9_-]*"
_NAME: Final = re.compile(NAME_PATTERN)
_MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class Family(StrEnum):
    """The kinds of plugins, in the order in which they are opened."""

    STORAGES = "storages"
    CACHE_TIERS = "cache_tiers"
    PRICE_SOURCES = "price_sources"
    EXCHANGES = "exchanges"
    STRATEGIES = "strategies"
    EXTENSIONS = "extensions"

    @property
    def group(self) -> str:
        """Return the entry-point group."""
        return f"arb.{self.value}"

    @property
    def noun(self) -> str:
        """Return the word for one plugin of the family, such as `price source`."""
        singular = "strategy" if self is Family.STRATEGIES else self.value.removesuffix("s")
        return singular.replace("_", " ")


class Status(StrEnum):
    """What metadata and switches say about a plugin."""

    OK = "ok"
    INCOMPATIBLE = "incompatible"
    CONFLICT = "conflict"
    DISABLED = "disabled"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class PluginRef:
    """One entry point of one installed distribution.

    Attributes:
        target: The module to import.
        kernel_range: The versions of arb-core it says it works with; None when it does not say.
        reason: Why it is not usable; empty when the status is OK.
    """

    family: Family
    name: str
    target: str
    dist_name: str
    dist_version: str
    kernel_range: str | None = None
    status: Status = Status.OK
    reason: str = ""

    @property
    def label(self) -> str:
        """Return family, name and distribution, for messages."""
        return f"{self.family.noun} {self.name!r} of {self.dist_name} {self.dist_version}".rstrip()


def disabled_names(environ: Mapping[str, str], *, no_plugins: bool = False) -> frozenset[str]:
    """Return the names that ARB_DISABLE_PLUGINS holds, each `name` or `family:name`."""
    if no_plugins:
        return EVERY_PLUGIN
    return frozenset(filter(None, (part.strip() for part in environ.get(DISABLE_VARIABLE, "").split(","))))


def installed_plugins(
    path: Iterable[str] | None = None, *, disabled: frozenset[str] = frozenset(), kernel_version: str = __version__
) -> tuple[PluginRef, ...]:
    """Return every installed plugin, usable or not, ordered by family and name.

    Args:
        path: Folders to look in; `sys.path` when None.
        disabled: From :func:`disabled_names`.
        kernel_version: What plugins' kernel ranges are compared with.
    """
    found = [ref for dist in installed_dists("arb.", path) for ref in _refs(dist, kernel_version)]
    owners: dict[tuple[Family, str], list[str]] = {}
    for ref in found:
        owners.setdefault((ref.family, ref.name), []).append(f"{ref.dist_name} {ref.dist_version}".rstrip())
    judged = [_switch_off(_mark_conflict(ref, owners[ref.family, ref.name]), disabled) for ref in found]
    order = list(Family)
    return tuple(sorted(judged, key=lambda ref: (order.index(ref.family), ref.name, ref.dist_name)))


def _refs(dist: InstalledDist, kernel_version: str) -> Iterator[PluginRef]:
    families = {family.group: family for family in Family}
    range_, status, reason = _judge(dist, kernel_version)
    for group, line in dist.entries:
        family = families.get(group)
        if family is None:
            continue
        name, _, target = (part.strip() for part in line.partition("="))
        ref = PluginRef(family, name, target, dist.name, dist.version, range_, status, reason)
        bad = _malformed(name, target)
        yield replace(ref, status=Status.INVALID, reason=bad) if bad and status is Status.OK else ref


def _malformed(name: str, target: str) -> str:
    if not _NAME.fullmatch(name):
        return f"{name!r} is not a plugin name: use lower-case letters, digits, '-' and '_'"
    if not _MODULE.fullmatch(target):
        return f"the entry point must name a module, not {target!r}"
    return ""


def _judge(dist: InstalledDist, kernel_version: str) -> tuple[str | None, Status, str]:
    if dist.problem:
        return None, Status.INVALID, dist.problem
    if dist.name == KERNEL_DIST:
        return None, Status.OK, ""
    try:
        range_ = kernel_range(dist.requires, KERNEL_DIST)
        if range_ is None:
            # A plugin that does not say which kernels it supports is refused, not guessed.
            return None, Status.INCOMPATIBLE, f"{dist.name} does not say which versions of {KERNEL_DIST} it works with"
        if fits(range_, kernel_version):
            return range_, Status.OK, ""
        return range_, Status.INCOMPATIBLE, f"{dist.name} needs {KERNEL_DIST}{range_}; this is {kernel_version}"
    except ValueError as error:
        return None, Status.INVALID, f"{dist.name}: its requirement of {KERNEL_DIST} cannot be read: {error}"


def _mark_conflict(ref: PluginRef, owners: list[str]) -> PluginRef:
    if len(owners) == 1:
        return ref
    others = " and ".join(sorted(owners))
    return replace(ref, status=Status.CONFLICT, reason=f"offered by {others}; uninstall all but one")


def _switch_off(ref: PluginRef, disabled: frozenset[str]) -> PluginRef:
    if disabled >= EVERY_PLUGIN:
        return replace(ref, status=Status.DISABLED, reason="switched off by --no-plugins")
    if ref.name in disabled or f"{ref.family}:{ref.name}" in disabled:
        return replace(ref, status=Status.DISABLED, reason=f"switched off by {DISABLE_VARIABLE}")
    return ref

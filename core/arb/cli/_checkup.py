"""What `arb doctor` looks at before any plugin is opened."""

from __future__ import annotations

import platform
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from typing import Final

from packaging.requirements import Requirement

import arb
from arb._version import __version__
from arb.kernel import Status, installed_plugins

_OWNER: Final = "arb-core"
_LEAST_PYTHON: Final = (3, 11)
_MOMENT_S: Final = 0.2
_LARGEST_DRIFT_NS: Final = 20_000_000
_FIRST_PLAUSIBLE_NS: Final = 1_735_689_600_000_000_000
"""2025-01-01: an earlier clock was never set."""


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    level: Level
    detail: str


def import_name() -> Finding:
    """Check that no other distribution provides a package called `arb`."""
    owners = sorted(set(metadata.packages_distributions().get("arb", ())))
    strangers = [name for name in owners if name.lower().replace("_", "-") != _OWNER]
    if strangers:
        names = ", ".join(strangers)
        return Finding(
            "import name",
            Level.FAILED,
            f"{names} also provides the package 'arb': uninstall it, then reinstall {_OWNER}",
        )
    where = ", ".join(arb.__path__)
    if not owners:
        return Finding("import name", Level.WARNING, f"arb runs from {where}, but {_OWNER} is not installed")
    return Finding("import name", Level.OK, f"{_OWNER} {__version__} in {where}")


def python() -> Finding:
    """Check the interpreter's version."""
    level = Level.OK if sys.version_info >= _LEAST_PYTHON else Level.FAILED
    return Finding("python", level, f"{platform.python_implementation()} {platform.python_version()} on {sys.platform}")


def packages() -> Iterator[Finding]:
    """Check that each package the kernel needs is there in a version it works with."""
    try:
        lines = metadata.requires(_OWNER) or []
    except metadata.PackageNotFoundError:
        return
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield Finding(f"package {requirement.name}", Level.FAILED, f"is missing; {_OWNER} needs {requirement}")
            continue
        fits = requirement.specifier.contains(version, prereleases=True)
        detail = version if fits else f"{version}; {_OWNER} needs {requirement}"
        yield Finding(f"package {requirement.name}", Level.OK if fits else Level.FAILED, detail)


def plugins(disabled: frozenset[str]) -> Iterator[Finding]:
    """Report the installed plugins that metadata already refuses; only a configured one is a failure."""
    refs = installed_plugins(disabled=disabled)
    bad = [ref for ref in refs if ref.status not in (Status.OK, Status.DISABLED)]
    usable = sum(ref.status is Status.OK for ref in refs)
    yield Finding(
        "plugins", Level.OK, f"{usable} usable of {len(refs)} installed; `arb plugins list --check` loads them"
    )
    for ref in bad:
        yield Finding("plugins", Level.WARNING, f"{ref.label}: {ref.status}: {ref.reason}")


def clock() -> Finding:
    """Compare the wall clock with the monotonic one over a moment, and with common sense."""
    wall, steady = time.time_ns(), time.monotonic_ns()  # noqa: TID251 - the clock itself is looked at
    threading.Event().wait(_MOMENT_S)
    drift = (time.time_ns() - wall) - (time.monotonic_ns() - steady)  # noqa: TID251 - as above
    zone = time.strftime("%Z (UTC%z)")
    if wall < _FIRST_PLAUSIBLE_NS:
        return Finding("clock", Level.FAILED, "the date is wrong: set the clock and keep it in step (NTP)")
    if abs(drift) > _LARGEST_DRIFT_NS:
        moved = f"the wall clock moved {drift / 1e6:+.1f} ms against the steady one in {_MOMENT_S:g} s"
        return Finding("clock", Level.FAILED, f"{moved}: something sets it; venues refuse orders with a wrong time")
    return Finding("clock", Level.OK, f"steady within {abs(drift) / 1e6:.3f} ms; local zone {zone}; arb works in UTC")

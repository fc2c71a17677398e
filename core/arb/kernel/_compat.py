"""Which kernels a plugin says it works with."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ._metadata import normalise

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*([^;]*)")
_BOUND = re.compile(r"\s*(>=|<)\s*(\d+(?:\.\d+)*)\s*")
_RELEASE = re.compile(r"\d+(?:\.\d+)*")


def kernel_range(requires: Iterable[str], kernel: str) -> str | None:
    """Return the version range of the distribution `kernel` in `requires`; None when there is none.

    Raises:
        ValueError: a line about the kernel cannot be read.
    """
    ranges = []
    for line in requires:
        match = _REQUIREMENT.match(line)
        if match is None or normalise(match[1]) != kernel or (";" in line and not _applies(line)):
            continue
        text = match[2].strip()
        # `arb-core @ URL` says where from, not which versions.
        ranges.append("" if text.startswith("@") else text.removeprefix("(").removesuffix(")").replace(" ", ""))
    return ",".join(text for text in ranges if text) or None


def fits(range_: str, version: str) -> bool:
    """Return whether `version` is in `range_`.

    Raises:
        ValueError: the range cannot be read.
    """
    bounds = [_BOUND.fullmatch(part) for part in range_.split(",")]
    if _RELEASE.fullmatch(version) and all(bounds):
        # The form every plugin of ours has; it saves the 20 ms that importing packaging takes.
        ours = _release(version)
        return all(
            ours >= _release(bound[2]) if bound[1] == ">=" else ours < _release(bound[2])
            for bound in bounds
            if bound is not None
        )
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(range_).contains(version, prereleases=True)


def _release(version: str) -> list[int]:
    numbers = [int(part) for part in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def _applies(line: str) -> bool:
    from packaging.requirements import Requirement

    marker = Requirement(line).marker
    return marker is None or marker.evaluate({"extra": ""})

"""The last report of the conformance kit, as a plugin's package carries it: read without importing the plugin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from arb.kernel import PluginRef

from ._quality import KIT_VERSION, tier_of

FILE_NAME: Final = "conformance.json"


def package_folder(ref: PluginRef) -> Path | None:
    """Return the folder of the plugin's top package; None for a single module, or one that is not found."""
    try:
        # Of a top-level name nothing is imported.
        spec = find_spec(ref.target.partition(":")[0].partition(".")[0])
    except (ImportError, ValueError):
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if len(places) == 1 else None


def stored_tier(ref: PluginRef) -> str:
    """Return the tier measured for this version of the plugin by this version of the kit; else nothing."""
    report = _stored(ref).get(_key(ref))
    if not isinstance(report, Mapping):
        return ""
    if report.get("kit") != KIT_VERSION or report.get("version") != ref.dist_version:
        return ""
    try:
        return tier_of(report)
    except (TypeError, AttributeError, ValueError):  # a file that somebody wrote by hand
        return ""


def store(ref: PluginRef, report: Mapping[str, Any]) -> Path:
    """Keep a report in the plugin's package; return where.

    Raises:
        OSError: it cannot be written there.
    """
    folder = package_folder(ref)
    if folder is None:
        raise OSError(f"{ref.target} is in no package")
    kept = {**_stored(ref), _key(ref): _summary(report)}
    path = folder / FILE_NAME
    path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return path


def _summary(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a report is kept: no times, so that the same result is the same file."""
    keys = ("kit", "version", "cases", "passed", "failed", "groups", "typed", "tier")
    return {key: report[key] for key in keys}


def _stored(ref: PluginRef) -> dict[str, Any]:
    folder = package_folder(ref)
    try:
        content = json.loads((folder / FILE_NAME).read_text(encoding="utf-8")) if folder else {}
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _key(ref: PluginRef) -> str:
    return f"{ref.family.value}:{ref.name}"

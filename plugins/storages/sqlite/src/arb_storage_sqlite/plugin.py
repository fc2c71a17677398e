"""Hook implementations. Import nothing heavy here; import it inside the hook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from arb.api import StorageSpec, hookimpl

PLUGIN_API = 1

CONFORMANCE: Final[Mapping[str, Any]] = MappingProxyType({"settings": {"path": "{tmp}/arb.db"}})
"""How the conformance kit opens it."""


@hookimpl
def arb_storages() -> Iterable[StorageSpec]:
    """Return the SQLite storage."""
    from ._settings import SqliteSettings
    from ._storage import open_storage

    return [StorageSpec(name="sqlite", settings=SqliteSettings, open=open_storage)]

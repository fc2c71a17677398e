"""Hook implementations. Import nothing heavy here; import it inside the hook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from arb.api import StorageSpec, hookimpl

PLUGIN_API = 1

CONFORMANCE: Final[Mapping[str, Any]] = MappingProxyType(
    {"settings": {"host": "127.0.0.1", "database": "arb_check", "user": "arb", "password": "env:ARB_CHECK_PASSWORD"}}
)
"""How the conformance kit opens it: it needs a server with an empty database of this name."""


@hookimpl
def arb_storages() -> Iterable[StorageSpec]:
    """Return the PostgreSQL storage."""
    from ._settings import PostgresSettings
    from ._storage import open_storage

    return [StorageSpec(name="postgres", settings=PostgresSettings, open=open_storage)]

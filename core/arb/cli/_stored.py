"""Opening a stored run to look at it: only its storage, and only for reading."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import cast

from arb.api import Clock, Storage
from arb.kernel import Config, Family, compose, open_family, read_config
from arb.runtime import probe_context, read_only
from arb.storage import Journal

from ._options import disabled_plugins


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run as its storage holds it."""

    config: Config
    storage: Storage
    journal: Journal
    clock: Clock


@asynccontextmanager
async def stored_run(file: Path) -> AsyncIterator[StoredRun]:
    """Open the journal that `file` names, read-only where the storage can be; nothing else is loaded.

    Raises:
        ConfigError: the file or its storage table cannot be used as written.
        PluginError: the storage plugin cannot be used.
        StorageError: the storage cannot be read, or is not there.
    """
    async with main_storage(file) as (storage, config, clock):
        yield StoredRun(config=config, storage=storage, journal=await Journal.open(storage), clock=clock)


@asynccontextmanager
async def main_storage(file: Path, *, writing: bool = False) -> AsyncIterator[tuple[Storage, Config, Clock]]:
    """Open the main storage that `file` names, as it is; nothing else is loaded.

    Args:
        file: The configuration.
        writing: Whether it is to be written; else it is opened read-only where the plugin can.

    Raises:
        ConfigError, PluginError, StorageError: as :func:`stored_run`.
    """
    composition = compose(read_config(file), str(file), disabled=disabled_plugins(), families=(Family.STORAGES,))
    part = composition.parts[Family.STORAGES]["main"]
    part = part if writing else read_only(part, str(file))
    alone = replace(composition, parts=MappingProxyType({Family.STORAGES: MappingProxyType({"main": part})}))
    async with probe_context("main") as context, AsyncExitStack() as stack:
        opened = await open_family(stack, alone, Family.STORAGES, lambda _family, _alias: context)
        yield cast("Storage", opened["main"]), composition.config, context.clock

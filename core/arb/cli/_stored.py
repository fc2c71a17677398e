"""Opening a stored run to look at it: only its storage, and only for reading."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import cast

from arb.api import Clock, Storage
from arb.kernel import Composition, Config, Family, compose, open_family, read_config
from arb.runtime import probe_context, read_only
from arb.storage import Journal

from ._options import disabled_plugins


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run as its storage holds it."""

    config: Config
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
    config = read_config(file)
    composition = compose(config, str(file), disabled=disabled_plugins(), families=(Family.STORAGES,))
    part = read_only(composition.parts[Family.STORAGES]["main"], str(file))
    alone = replace(composition, parts=MappingProxyType({Family.STORAGES: MappingProxyType({"main": part})}))
    async with AsyncExitStack() as stack:
        yield await _opened(stack, alone)


async def _opened(stack: AsyncExitStack, composition: Composition) -> StoredRun:
    context = await stack.enter_async_context(probe_context("main"))
    storages = await open_family(stack, composition, Family.STORAGES, lambda _family, _alias: context)
    journal = await Journal.open(cast("Storage", storages["main"]))
    return StoredRun(config=composition.config, journal=journal, clock=context.clock)

"""Opening a stored run to look at it: only its storage, and only for reading."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import cast

from pydantic import ValidationError

from arb.api import Clock, ConfigError, Storage
from arb.kernel import Composition, Config, Family, Part, compose, open_family, read_config
from arb.runtime import probe_context
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
    part = _read_only(composition.parts[Family.STORAGES]["main"], str(file))
    alone = replace(composition, parts=MappingProxyType({Family.STORAGES: MappingProxyType({"main": part})}))
    async with AsyncExitStack() as stack:
        yield await _opened(stack, alone)


async def _opened(stack: AsyncExitStack, composition: Composition) -> StoredRun:
    context = await stack.enter_async_context(probe_context("main"))
    storages = await open_family(stack, composition, Family.STORAGES, lambda _family, _alias: context)
    journal = await Journal.open(cast("Storage", storages["main"]))
    return StoredRun(config=composition.config, journal=journal, clock=context.clock)


def _read_only(part: Part, source: str) -> Part:
    """Ask for a read-only opening where the plugin has such a setting."""
    if "read_only" not in type(part.settings).model_fields:
        return part
    try:
        settings = part.spec.settings.model_validate({**part.raw, "read_only": True})
    except ValidationError as error:
        # Valid as written, so this is about reading alone: a database in memory, say.
        reasons = "; ".join(each["msg"] for each in error.errors(include_input=False, include_url=False))
        raise ConfigError(f"{source}: [storages.main]: holds no stored run to look at: {reasons}") from None
    return replace(part, settings=settings)

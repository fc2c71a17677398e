from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import ModuleType

from arb.api import Context, Settings, StateStore, StorageSpec
from arb.testing import MemoryStorage, StorageConformance


class NoSettings(Settings):
    pass


class Databases:
    """Keeps the database while it is closed, as a disk would."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[StateStore, MemoryStorage]] = {}

    @asynccontextmanager
    async def open(self, settings: NoSettings, context: Context) -> AsyncIterator[MemoryStorage]:
        if id(context.state) not in self._open:
            self.close()
            self._open[id(context.state)] = (context.state, MemoryStorage())
        yield self._open[id(context.state)][1]

    def close(self) -> None:
        for _, storage in self._open.values():
            storage.close()
        self._open.clear()


class MemoryPlugin(ModuleType):
    PLUGIN_API = 1

    def __init__(self, databases: Databases) -> None:
        super().__init__("memory_plugin")
        self._databases = databases

    def arb_storages(self) -> Iterable[StorageSpec]:
        return [StorageSpec(name="memory", settings=NoSettings, open=self._databases.open)]


DATABASES = Databases()


class TestMemoryStorage(StorageConformance):
    """The fake that others test with behaves as a storage has to, but for outliving the process."""

    plugin = MemoryPlugin(DATABASES)

    def teardown_method(self) -> None:
        DATABASES.close()

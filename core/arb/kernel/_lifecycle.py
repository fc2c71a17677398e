"""Open what a composition holds and close it in reverse, always within a bounded time.

Each resource is opened and closed by a task of its own: a plugin may use task groups and timeouts,
which must be left by the task that entered them, and a plugin that hangs can be left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import MappingProxyType
from typing import Any, Final

from arb.api import (
    ArbError,
    CacheTier,
    Context,
    Exchange,
    Extension,
    PluginError,
    PriceSource,
    Storage,
    Strategy,
)

from ._catalog import Family
from ._composition import Composition, Part
from ._guard import describe

MakeContext = Callable[[Family, str], Context]
"""Makes the context of one plugin, from its family and its name in the configuration."""

OnFailure = Callable[[Family, str, str], None]
"""Told when an open plugin stops by itself or does not close cleanly: family, name, what happened."""

_PROTOCOLS: Final[Mapping[Family, type]] = MappingProxyType(
    {
        Family.STORAGES: Storage,
        Family.CACHE_TIERS: CacheTier,
        Family.PRICE_SOURCES: PriceSource,
        Family.EXCHANGES: Exchange,
        Family.STRATEGIES: Strategy,
        Family.EXTENSIONS: Extension,
    }
)


@asynccontextmanager
async def opened(
    composition: Composition, make_context: MakeContext, *, on_failure: OnFailure | None = None
) -> AsyncIterator[Mapping[Family, Mapping[str, object]]]:
    """Open every family in order; close in reverse on leaving."""
    async with AsyncExitStack() as stack:
        yield {
            family: await open_family(stack, composition, family, make_context, on_failure=on_failure)
            for family in Family
        }


async def open_family(
    stack: AsyncExitStack,
    composition: Composition,
    family: Family,
    make_context: MakeContext,
    *,
    on_failure: OnFailure | None = None,
) -> dict[str, object]:
    """Open one family in the order of the configuration; `stack` closes it in reverse.

    A close that takes longer than `[run] close_timeout` is abandoned: the plugin's logger and
    `on_failure` are told, and the others are still closed.

    Raises:
        PluginError: a plugin cannot be opened; errors of arb's own tree keep their type and get a
            note that names the plugin.
    """
    resources: dict[str, object] = {}
    for part in composition.parts[family].values():
        owner = _Owner(part, make_context(family, part.alias), composition.config.run.close_timeout, on_failure)
        resource = await owner.open()
        stack.push_async_callback(owner.close)
        name = f"[{family}.{part.alias}]"
        composition.registry.attach(name, resource)
        stack.callback(composition.registry.detach, name)
        resources[part.alias] = resource
    return resources


class _Owner:
    """The life of one resource, in one task."""

    def __init__(self, part: Part, context: Context, close_timeout_ns: int, on_failure: OnFailure | None) -> None:
        self._part = part
        self._context = context
        self._timeout_s = close_timeout_ns / 1_000_000_000
        self._on_failure = on_failure
        self._closing = asyncio.Event()
        self._ready: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> object:
        """Return the open resource, or raise naming the plugin."""
        self._task = asyncio.create_task(self._live(), name=self._part.label)
        try:
            return await asyncio.shield(self._ready)
        except asyncio.CancelledError:
            self._ready.cancel()
            self._task.cancel()
            await self.close()
            raise
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close within the time allowed, also while being cancelled; never raise for the plugin."""
        assert self._task is not None
        self._closing.set()
        interrupted = await self._wait(self._task, self._timeout_s)
        if not self._task.done():
            self._task.cancel()
            # A moment to react to the cancellation; a task that ignores it is left behind.
            interrupted = await self._wait(self._task, min(1.0, self._timeout_s)) or interrupted
            self._tell(f"did not close within {self._timeout_s:g} s and was abandoned")
        if not self._task.done():
            # Otherwise asyncio.run() would wait for it forever, and then complain.
            asyncio.tasks._unregister_task(self._task)
            self._task._log_destroy_pending = False  # type: ignore[attr-defined]
        if interrupted:
            raise asyncio.CancelledError

    async def _wait(self, task: asyncio.Task[None], seconds: float) -> bool:
        """Wait for the task; return whether the caller was cancelled meanwhile."""
        if task.done():
            return False  # also where a stack that was abandoned half closed is collected, and no loop runs any more
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        interrupted = False
        while not task.done() and (left := deadline - loop.time()) > 0:
            try:
                await asyncio.wait({task}, timeout=left)
            except asyncio.CancelledError:
                interrupted = True
        return interrupted

    async def _live(self) -> None:
        manager: Any = None
        try:
            manager = self._part.spec.open(self._part.settings, self._context)
            resource = await manager.__aenter__()
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(self._named(error))
            return
        if not self._ready.done():  # otherwise nobody waits for it any more
            problem = self._misfit(resource)
            if problem is None:
                self._ready.set_result(resource)
            else:
                self._ready.set_exception(problem)
        ended: BaseException | None = None
        try:
            await self._closing.wait()
        except asyncio.CancelledError as error:
            ended = error
        await self._leave(manager, ended)

    async def _leave(self, manager: Any, ended: BaseException | None) -> None:
        try:
            await manager.__aexit__(type(ended) if ended else None, ended, None)
        except GeneratorExit:  # abandoned, and the event loop is gone
            return
        except asyncio.CancelledError:
            if self._closing.is_set():
                return
            self._tell("was cancelled from within and is closed")
        except BaseException as error:
            self._tell(f"failed {'while closing' if self._closing.is_set() else 'while running'}: {describe(error)}")

    def _misfit(self, resource: object) -> PluginError | None:
        protocol = _PROTOCOLS[self._part.family]
        try:
            fits = isinstance(resource, protocol)
        except Exception:  # a property of it raised
            fits = False
        if fits:
            return None
        return PluginError(
            f"{self._part.label}: opened a {type(resource).__name__}, which is not an {protocol.__name__}"
        )

    def _named(self, error: BaseException) -> BaseException:
        if isinstance(error, KeyboardInterrupt):
            return error
        if isinstance(error, asyncio.CancelledError):
            return PluginError(f"{self._part.label}: was cancelled while opening")
        if isinstance(error, ArbError):
            error.add_note(f"while opening {self._part.label}")
            return error
        named = PluginError(f"{self._part.label}: cannot be opened: {describe(error)}")
        named.__cause__ = error
        return named

    def _tell(self, what: str) -> None:
        self._context.log.warning("%s %s", self._part.label, what)
        if self._on_failure is not None:
            self._on_failure(self._part.family, self._part.alias, what)

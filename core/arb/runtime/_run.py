"""Starting and ending a run: which clock, which loop, which signals."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, cast

from arb.api import ConfigError, Extension, FundingService, HttpTransport, Storage, WebSocketTransport
from arb.kernel import Composition, Family, open_family
from arb.model import HOUR_NS, MINUTE_NS, EquitySample, Event, EventKind, Severity, format_utc, parse_utc
from arb.net import open_transports
from arb.risk import HaltStore, MemoryHaltStore
from arb.storage import Journal, RunAccount, account_run

from ._assembly import App, NoState, Observe, assembled
from ._claim import claim
from ._clock import WallClock
from ._context import Ports, RandomIds, SeededIds, make_context
from ._holder import is_gone, own_holder
from ._modes import MAX_SPEED, Mode, RunOptions, check_live, is_virtual
from ._periodic import StopSignal
from ._service import RunService
from ._traffic import check_traffic

DEFAULT_START: Final = "2026-01-01T00:00:00Z"
"""Where simulated time begins when neither the configuration nor the journal says."""
_LEASE_NS: Final = MINUTE_NS
"""The longest that a leg stands alone when a machine is lost and another one goes on."""
_VIRTUAL_LEASE_NS: Final = HOUR_NS
"""Nobody shares the clock of such a run, and thirty days of it renew often enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        account: The books of the whole stored run, earlier sessions included.
        equity: Its equity samples, oldest first.
        simulated_seconds: By the run's clock, of this session.
        wall_seconds: Real time of this session.
        halts: What forbids opening risk at the end, one line each.
    """

    account: RunAccount
    equity: tuple[EquitySample, ...]
    reason: str
    seed: int
    simulated_seconds: float
    wall_seconds: float
    halts: tuple[str, ...] = ()


def execute(
    composition: Composition,
    source: str,
    options: RunOptions,
    observe: Observe,
    *,
    halt_store: HaltStore | None = None,
) -> RunOutcome:
    """Run until the end time, Ctrl-C or SIGTERM, and return the books.

    Args:
        composition: What to run.
        source: The configuration's name, for messages.
        options: What the command line adds.
        observe: Called after every step.
        halt_store: Where halts are kept; None for a run that leaves nothing behind.

    Raises:
        ConfigError: the options contradict the configuration.
        ArbError: the run could not start, or had to stop; what was committed stands.
    """
    if options.mode is Mode.LIVE:
        check_live(composition, source)
    check_traffic(composition, options.record)
    halts = MemoryHaltStore() if halt_store is None else halt_store
    if not is_virtual(composition):
        if options.speed != 1:
            raise ConfigError("--speed: real exchanges run at the speed of the world; leave it out")
        return asyncio.run(_main(composition, options, observe, partial(_wall_ports, halts)))
    return _execute_virtual(composition, options, observe, halts)


def _execute_virtual(composition: Composition, options: RunOptions, observe: Observe, halts: HaltStore) -> RunOutcome:
    # Imported here: a run on real exchanges has no simulated time in it.
    from arb.simulation import VirtualClock, run_virtual

    session, stored_ns, was_stopped = asyncio.run(_begin_session(composition, _identity(composition, options)))
    start_ns = stored_ns if stored_ns is not None else composition.config.run.start_ns or parse_utc(DEFAULT_START)
    until_ns = composition.config.run.until_ns if options.until_ns is None else options.until_ns
    if until_ns is not None and until_ns <= start_ns and stored_ns is not None and not was_stopped:
        until_ns = start_ns  # it was killed at its very end: what it was about to do is still done
    elif until_ns is not None and until_ns <= start_ns:
        began = format_utc(start_ns)
        if stored_ns is None:
            raise ConfigError(f"{format_utc(until_ns)}, the end, is not after {began}, where this run begins")
        raise ConfigError(
            f"the stored run has reached {began}, so it is over: `arb report` shows it; give a later --until to go on, "
            "or another database in [storages.main] to begin again"
        )
    options = replace(options, until_ns=until_ns)

    def ports(seed: int, http: HttpTransport, websocket: WebSocketTransport) -> Ports:
        return Ports(
            clock=VirtualClock.of_running_loop(),
            ids=SeededIds(seed, session),
            http=http,
            websocket=websocket,
            seed=seed,
            inline=True,
            halt_store=halts,
            holder=own_holder(),
            holder_is_gone=is_gone,
            lease_ns=_VIRTUAL_LEASE_NS,
        )

    speed = None if options.speed == MAX_SPEED else options.speed
    return run_virtual(_main(composition, options, observe, ports), start_ns=start_ns, speed=speed)


def _wall_ports(halts: HaltStore, seed: int, http: HttpTransport, websocket: WebSocketTransport) -> Ports:
    return Ports(
        clock=WallClock(),
        ids=RandomIds(),
        http=http,
        websocket=websocket,
        seed=seed,
        inline=False,
        halt_store=halts,
        holder=own_holder(),
        holder_is_gone=is_gone,
        lease_ns=_LEASE_NS,
    )


def _identity(composition: Composition, options: RunOptions) -> str:
    """Return what a database of this run may be used for."""
    return f"simulated with seed {_seed(composition, options)}" if is_virtual(composition) else options.mode


def _seed(composition: Composition, options: RunOptions) -> int:
    return composition.config.run.seed if options.seed is None else options.seed


async def _begin_session(composition: Composition, identity: str) -> tuple[int, int | None, bool]:
    """Count this session of the stored run.

    Returns:
        Its number, the time that the one before reached, and whether that one came to its end.
    """
    async with AsyncExitStack() as stack:
        ports = _wall_ports(MemoryHaltStore(), 0, *await stack.enter_async_context(open_transports()))
        opened = await open_family(
            stack,
            composition,
            Family.STORAGES,
            lambda family, alias: make_context(ports, family, alias, NoState()),
        )
        journal = await Journal.open(cast("Storage", opened["main"]))
        await claim(journal, identity)
        async with journal.transaction() as tx:
            ends = await tx.events(limit=0, kinds=(EventKind.RUN_STARTED, EventKind.RUN_STOPPED))
            was_stopped = bool(ends) and ends[-1][1].kind is EventKind.RUN_STOPPED
            session = int(await tx.state("run", "session") or 0) + 1
            await tx.put_state("run", "session", str(session))
            return session, await tx.clock(), was_stopped


async def _main(
    composition: Composition,
    options: RunOptions,
    observe: Observe,
    make_ports: Callable[[int, HttpTransport, WebSocketTransport], Ports],
) -> RunOutcome:
    seed = _seed(composition, options)
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        ports = make_ports(seed, *await stack.enter_async_context(open_transports()))
        started_ns = ports.clock.now_ns()
        stop = StopSignal()
        opening = stack.enter_context(_stopping_on_signals(stop))
        app = await stack.enter_async_context(
            assembled(composition, ports, options, stop, identity=_identity(composition, options), observe=observe)
        )
        opening.is_over = True
        async with _extensions(app):
            await app.engine.run(options.until_ns)
        return RunOutcome(
            account=await account_run(app.journal),
            equity=await app.journal.equity(),
            reason=stop.reason,
            seed=seed,
            simulated_seconds=(ports.clock.now_ns() - started_ns) / 1e9,
            wall_seconds=time.monotonic() - began,
            halts=tuple(str(halt) for halt in app.halts.active()),
        )


@dataclass(slots=True)
class _Opening:
    """Whether the plugins are still being opened: until they are, there is nothing to bring to rest."""

    is_over: bool = False


@contextmanager
def _stopping_on_signals(stop: StopSignal) -> Iterator[_Opening]:
    """Come to rest on Ctrl-C and SIGTERM; a second one, or one while opening, ends the run at once."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    opening = _Opening()

    def ask(name: str) -> None:
        if stop.is_set or not opening.is_over:
            task.cancel()
        stop.set(f"stopped by {name}")

    handled = (signal.SIGINT, signal.SIGTERM)
    for number in handled:
        loop.add_signal_handler(number, ask, number.name)
    try:
        yield opening
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _extensions(app: App) -> AsyncIterator[None]:
    """Run the extensions beside the engine; one that breaks ends alone."""
    service = RunService(app.parts, app.halts)
    tasks = [asyncio.create_task(_run_extension(app, name, one, service)) for name, one in app.extensions.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run_extension(app: App, name: str, extension: Extension, service: FundingService) -> None:
    try:
        await extension.run(service)
    except Exception as error:  # it may not take the run with it
        event = Event(
            ts_ns=app.parts.clock.now_ns(),
            kind=EventKind.PLUGIN_FAILED,
            severity=Severity.ALARM,
            subject=name,
            message=f"{type(error).__name__}: {error}",
        )
        await app.parts.recorder.events([event])

"""Reaching the accounts of an emergency exit: a real one at its venue, any other in the storage."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, cast

from arb.api import ArbError, Capability, Clock, ConfigError, Context, Exchange, ExchangeError, PluginError, Storage
from arb.execution import Flattener, FlattenOutcome, FlattenPolicy
from arb.kernel import Composition, Family, open_family
from arb.model import SECOND_NS, ExchangeName
from arb.storage import Journal, JournalStateStore

from ._assembly import NoState
from ._clock import WallClock
from ._context import Ports, RandomIds, make_context
from ._looking import read_only
from ._modes import Mode
from ._probe import probe_context

_OPEN_LIMIT_S: Final = 15.0
_SIMULATED: Final = re.compile(r"simulated with seed (\d+)")


class AccountKind(StrEnum):
    """Where an account is kept."""

    REAL = "real"
    """At the venue."""
    PAPER = "paper"
    """In the storage, on a real venue's prices."""
    SIMULATED = "simulated"
    """In the storage: no real money can move."""
    UNUSABLE = "unusable"
    """Its plugin cannot be used, so nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenTarget:
    """One exchange to be flattened.

    Attributes:
        composition: This exchange alone, loaded and not opened; None where its plugin cannot be used.
        problem: Why it cannot be used; empty where it can.
    """

    name: ExchangeName
    kind: AccountKind
    composition: Composition | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Hands:
    """What flattening an account takes, and where its outcome goes as soon as it is there."""

    policy: FlattenPolicy
    tell: Callable[[str], None]
    post: Callable[[FlattenOutcome], None]

    async def flatten(self, target: FlattenTarget, context: Context, paper: Context | None = None) -> None:
        """Open one exchange and flatten its account; whatever goes wrong is its outcome."""
        begun_ns = context.clock.now_ns()
        try:
            async with AsyncExitStack() as stack:
                exchange = await self._opened(stack, target, context, paper)
                left_ns = self.policy.budget_ns - (context.clock.now_ns() - begun_ns)
                least_ns = min(self.policy.answer_ns, self.policy.budget_ns)
                policy = replace(self.policy, budget_ns=max(left_ns, least_ns))
                flattener = Flattener(exchange, context.clock, RandomIds(), policy, self.tell)
                self.post(await flattener.flatten())
        except Exception as error:  # a plugin that breaks leaves its account unknown, and the others alone
            self.post(FlattenOutcome.unknown(target.name, _said(error)))

    async def _opened(
        self, stack: AsyncExitStack, target: FlattenTarget, context: Context, paper: Context | None
    ) -> Exchange:
        """Open the exchange; a venue that does not answer is tried again while there is time."""
        end_ns = context.clock.now_ns() + self.policy.budget_ns
        while True:
            limit_s = min(_OPEN_LIMIT_S, max(1.0, (end_ns - context.clock.now_ns()) / SECOND_NS))
            try:
                async with asyncio.timeout(limit_s):
                    return await _opened_once(stack, target, context, paper)
            except TimeoutError:
                problem: Exception = PluginError(f"it was not open after {limit_s:g} s")
            except ExchangeError as error:
                problem = error
            if context.clock.now_ns() + SECOND_NS > end_ns:
                raise problem
            self.tell(f"{target.name}: cannot be opened, trying again: {problem}")
            await context.clock.sleep_until(context.clock.now_ns() + SECOND_NS)


async def _opened_once(
    stack: AsyncExitStack, target: FlattenTarget, context: Context, paper: Context | None
) -> Exchange:
    assert target.composition is not None, "an exchange that cannot be loaded is not opened"
    async with AsyncExitStack() as attempt:
        opened = await open_family(attempt, target.composition, Family.EXCHANGES, lambda _family, _alias: context)
        exchange = cast("Exchange", opened[target.name])
        if (Capability.SIMULATED in exchange.capabilities) is not (target.kind is AccountKind.SIMULATED):
            raise PluginError(
                f"[exchanges.{target.name}]: what its plugin declares and what it opened differ in whether real money "
                "can move, so nothing is sent"
            )
        if paper is not None:
            # Imported here: an exit at a real venue has no simulation in it.
            from arb.simulation import open_paper_exchange

            # The account exists, and its deposits are kept with it.
            exchange = await attempt.enter_async_context(open_paper_exchange(exchange, paper, deposits={}))
        await stack.enter_async_context(attempt.pop_all())
    return exchange


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, ArbError) and str(error) else f"{type(error).__name__}: {error}"


async def flatten_real(target: FlattenTarget, hands: Hands) -> None:
    """Flatten an account at its venue: in real time, with a state that is not stored, and without the storage."""
    async with probe_context(target.name) as lent:
        # It has a thread of its own: what blocks there blocks nobody else.
        await hands.flatten(target, replace(lent, ports=replace(lent.ports, inline=True)))


def flatten_stored(targets: Sequence[FlattenTarget], storage: Composition, source: str, hands: Hands) -> None:
    """Flatten accounts that the storage keeps, in the time of the run that it holds.

    A simulated run has a time of its own: opened at today's, its accounts would have aged by years.

    Raises:
        ArbError: the storage cannot be opened, or holds no run.
    """
    identity, clock_ns = asyncio.run(_stored_run(storage, source))
    simulated = _SIMULATED.fullmatch(identity)
    if simulated is None:
        asyncio.run(_flatten_stored(targets, storage, hands, identity, WallClock, storage.config.run.seed))
        return
    # Imported here, as above.
    from arb.simulation import VirtualClock, run_virtual

    work = _flatten_stored(targets, storage, hands, identity, VirtualClock.of_running_loop, int(simulated[1]))
    run_virtual(work, start_ns=clock_ns)


async def _stored_run(storage: Composition, source: str) -> tuple[str, int]:
    """Return what kind of run the storage holds, and the time it reached."""
    # A wrong path must not become a new and empty database, in which every account is flat.
    part = read_only(storage.parts[Family.STORAGES]["main"], source)
    looked_at = replace(storage, parts=MappingProxyType({Family.STORAGES: MappingProxyType({"main": part})}))
    async with _open_journal(looked_at, WallClock(), seed=0) as (journal, _):
        identity, clock_ns = await journal.state("run", "identity"), await journal.clock()
    if identity is None or clock_ns is None:
        raise ConfigError("it holds no run, so no account; is its path right?")
    return identity, clock_ns


async def _flatten_stored(
    targets: Sequence[FlattenTarget],
    storage: Composition,
    hands: Hands,
    identity: str,
    make_clock: Callable[[], Clock],
    seed: int,
) -> None:
    async with _open_journal(storage, make_clock(), seed=seed) as (journal, ports):
        await asyncio.gather(*(_flatten_kept(target, journal, ports, hands, identity) for target in targets))


async def _flatten_kept(target: FlattenTarget, journal: Journal, ports: Ports, hands: Hands, identity: str) -> None:
    def context(family: str) -> Context:
        state = JournalStateStore(journal, f"{family}:{target.name}", ports.clock)
        return make_context(ports, family, target.name, state)

    lease = await journal.lease(target.name)
    if lease is not None and lease.expires_ns > ports.clock.now_ns() and _is_another(lease.holder, ports):
        text = f"its account is kept in the storage, and process {lease.holder} trades it: stop that `arb run` first"
        hands.post(FlattenOutcome.unknown(target.name, text))
        return
    if target.kind is AccountKind.SIMULATED:
        await hands.flatten(target, context(Family.EXCHANGES))
        return
    if identity != Mode.PAPER or await journal.state(f"paper:{target.name}", "head") is None:
        # It may have been traded for real, while it was armed: no paper account proves nothing of that.
        hands.post(
            FlattenOutcome.unknown(
                target.name,
                f"the storage holds a {identity} run and no paper account of it; for the account at the venue set "
                f"[exchanges.{target.name}] armed = true",
            )
        )
        return
    await hands.flatten(target, context(Family.EXCHANGES), context("paper"))


def _is_another(holder: str, ports: Ports) -> bool:
    return holder != ports.holder and not ports.holder_is_gone(holder)


@asynccontextmanager
async def _open_journal(storage: Composition, clock: Clock, *, seed: int) -> AsyncIterator[tuple[Journal, Ports]]:
    async with AsyncExitStack() as stack:
        lent = await stack.enter_async_context(probe_context("main"))
        ports = replace(lent.ports, clock=clock, seed=seed, inline=True)
        async with asyncio.timeout(_OPEN_LIMIT_S):
            opened = await open_family(
                stack, storage, Family.STORAGES, lambda family, alias: make_context(ports, family, alias, NoState())
            )
            journal = await Journal.open(cast("Storage", opened["main"]))
        yield journal, ports

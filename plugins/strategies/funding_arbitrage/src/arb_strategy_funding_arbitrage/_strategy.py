"""The strategy: monitor, exit, scan, in this order in each cycle."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from arb.api import Context, StrategyView
from arb.model import HedgeId, HedgeStatus, Intent, Opportunity

from ._entries import EntryPhase
from ._exits import ExitPhase, Watched
from ._memory import Memory
from ._settings import FundingArbitrageSettings


class FundingArbitrage:
    """Short where funding is high, long where it is low, as long as it pays."""

    def __init__(self, settings: FundingArbitrageSettings, context: Context, memory: Memory) -> None:
        self._settings = settings
        self._context = context
        self._memory = memory
        self._exits = ExitPhase(settings, memory)
        self._entries = EntryPhase(settings, memory)
        self._blind_since_ns: dict[HedgeId, int] = {}
        self._said: dict[HedgeId, str] = {}

    @property
    def cycle_ns(self) -> int:
        """Return the time between two decisions."""
        return self._settings.cycle

    async def decide(self, view: StrategyView) -> Sequence[Intent]:
        """Return exits, then entries. Cooldowns and budget are durable before anything is returned."""
        self._memory.see(view.hedges, view.now_ns, self._settings.cooldown)
        open_hedges = [hedge for hedge in view.hedges if hedge.status is HedgeStatus.OPEN]
        watched = [await self._exits.watch(view, hedge) for hedge in open_hedges]
        self._report(watched, view.now_ns)
        intents: list[Intent] = [each.close for each in watched if each.close is not None]
        rows = await self._scan(view)
        if self._settings.rotate and not intents:
            rotation = self._entries.rotate(view, rows, watched, self._exits)
            if rotation is not None:
                intents.append(rotation)
        intents.extend(self._entries.open(view, rows))
        await self._memory.save(self._context.state)
        return intents

    async def _scan(self, view: StrategyView) -> Sequence[Opportunity]:
        """Return what could be opened; without a place and without rotation nothing is asked."""
        if len(view.hedges) >= self._settings.max_hedges and not self._settings.rotate:
            return ()
        return (await view.scan(self._settings.wanted())).rows

    def _report(self, watched: Sequence[Watched], now_ns: int) -> None:
        """Say what is missing about a hedge, once for each change."""
        present = {each.hedge.id for each in watched}
        for gone in self._said.keys() - present:
            del self._said[gone]
        for gone in self._blind_since_ns.keys() - present:
            del self._blind_since_ns[gone]
        for each in watched:
            hedge_id = each.hedge.id
            if each.can_be_judged:
                self._blind_since_ns.pop(hedge_id, None)
            blind_ns = now_ns - self._blind_since_ns.setdefault(hedge_id, now_ns) if not each.can_be_judged else 0
            blind = blind_ns > self._settings.max_stale
            text = f"hedge {hedge_id} is held, {each.note}" if each.note and each.close is None else ""
            if blind:
                text = f"{text}; it could not be valued for longer than max_stale, only risk closes it"
            if text and text != self._said.get(hedge_id):
                if blind or each.outlook.liquidation_distance is None:
                    self._context.log.warning(text)
                else:
                    self._context.log.info(text)
            self._said[hedge_id] = text


@asynccontextmanager
async def open_strategy(settings: FundingArbitrageSettings, context: Context) -> AsyncIterator[FundingArbitrage]:
    """Open the strategy with what it remembered."""
    yield FundingArbitrage(settings, context, await Memory.load(context.state, context.name))

"""What happens to venues, clocks and disks during an episode, apart from single calls."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Final

from arb.model import HOUR_NS, SECOND_NS, FeeSchedule, InstrumentId, InstrumentStatus
from arb.risk import EVERYTHING

from ._chance import Chance
from ._counter import Counter, Outage
from ._kinds import FaultKind
from ._market import Tide
from ._world import World

_AGAIN_NS: Final = 15 * SECOND_NS


class Troubles:
    """Makes events of the world happen; one that has nothing to act on yet is tried again later."""

    def __init__(self, world: World, tide: Tide, until_ns: int) -> None:
        self._world = world
        self._tide = tide
        self._until_ns = until_ns

    def plan(self, kind: FaultKind, ts_ns: int, number: int) -> None:
        """Let an event happen at a time."""
        self._world.at(ts_ns, self._try, kind, number)

    def _try(self, kind: FaultKind, number: int) -> None:
        now_ns = self._world.now_ns()
        if now_ns >= self._until_ns:
            return
        if not self.happen(kind, Chance(self._world.seed, "event", kind, number)):
            self.plan(kind, now_ns + _AGAIN_NS, number)

    def happen(self, kind: FaultKind, chance: Chance) -> bool:
        """Make an event happen now; return False when there is nothing to act on."""
        deeds: dict[FaultKind, Callable[[Chance], bool]] = {
            FaultKind.MAINTENANCE: self._outage(FaultKind.MAINTENANCE),
            FaultKind.DISCONNECT: self._outage(FaultKind.DISCONNECT),
            FaultKind.CLOCK_JUMP: self._clock_jump,
            FaultKind.PRICE_JUMP: self._price_jump,
            FaultKind.ADL: self._adl,
            FaultKind.LIQUIDATION: self._liquidation,
            FaultKind.DELIST: self._delist,
            FaultKind.INTERVAL_CHANGE: self._interval,
            FaultKind.FEE_CHANGE: self._fees,
            FaultKind.DISK_FULL: self._disk_full,
            FaultKind.HALT_BY_HAND: self._halt,
        }
        return deeds[kind](chance)

    def close_venue(self, counter: Counter, kind: FaultKind, seconds: int) -> None:
        """Let a venue be unreachable for a while."""
        now_ns = self._world.now_ns()
        until_ns = min(now_ns + seconds * SECOND_NS, self._until_ns)
        counter.outages.append(Outage(now_ns, until_ns, kind is FaultKind.MAINTENANCE))
        self._world.fault(kind, counter.name, f"for {(until_ns - now_ns) / 1e9:.0f} s")

    def fill_disk(self, seconds: int) -> None:
        """Let no transaction begin for a while."""
        world = self._world
        world.disk_is_full = True
        world.fault(FaultKind.DISK_FULL, "database", f"for {seconds} s")
        world.at(min(world.now_ns() + seconds * SECOND_NS, self._until_ns), self._free_disk)

    def move_prices(self, ppm: int) -> None:
        """Move every price at once, parts in a million."""
        self._world.fault(FaultKind.PRICE_JUMP, "market", f"{ppm / 10_000:+.2f} %")
        self._tide.jump(self._world.now_ns(), ppm)

    def deleverage(self, counter: Counter, instrument: InstrumentId, lots: int | None) -> bool:
        """Let a venue reduce a position; None takes all of it. Return whether it did."""
        quantity = counter.venue.instruments[instrument].lot_size * lots if lots else None
        held = self._held(counter).get(instrument)
        if not held:
            return False
        self._world.fault(FaultKind.ADL, counter.name, f"{instrument} by {quantity or abs(held)}")
        counter.venue.deleverage(instrument, quantity or abs(held), self._world.now_ns())
        counter.show()
        return True

    def liquidate(self, counter: Counter, instrument: InstrumentId) -> bool:
        """Let a venue liquidate a position; return whether there was one."""
        if not self._held(counter).get(instrument):
            return False
        self._world.fault(FaultKind.LIQUIDATION, counter.name, instrument)
        counter.venue.liquidate(instrument, self._world.now_ns())
        counter.show()
        return True

    def delist(self, counter: Counter, instrument: InstrumentId) -> None:
        """Let a venue delist an instrument: what is held is closed at the mark price."""
        self._world.fault(FaultKind.DELIST, counter.name, instrument)
        counter.market.change(instrument, status=InstrumentStatus.DELISTED)
        counter.advance()

    def _held(self, counter: Counter) -> dict[InstrumentId, Decimal]:
        return {position.instrument: position.quantity for position in counter.venue.positions()}

    def _holding(self, chance: Chance) -> tuple[Counter, InstrumentId] | None:
        rows = [(each, held) for each in self._world.counters.values() for held in self._held(each)]
        return chance.choice(rows) if rows else None

    def _some(self, chance: Chance) -> tuple[Counter, InstrumentId]:
        counter = chance.choice(list(self._world.counters.values()))
        return counter, chance.choice(counter.market.instruments()).id

    def _outage(self, kind: FaultKind) -> Callable[[Chance], bool]:
        def deed(chance: Chance) -> bool:
            counter = chance.choice(list(self._world.counters.values()))
            self.close_venue(counter, kind, chance.choice((2, 5, 12, 40)))
            return True

        return deed

    def _clock_jump(self, chance: Chance) -> bool:
        alive = self._world.alive
        if not alive:
            return False
        process, ahead_ns = chance.choice(alive), chance.between(1, 5 * SECOND_NS)
        self._world.fault(FaultKind.CLOCK_JUMP, process.name, f"{ahead_ns / 1e9:+.3f} s")
        process.clock.jump(ahead_ns)
        return True

    def _price_jump(self, chance: Chance) -> bool:
        self.move_prices(chance.choice((-1, 1)) * chance.between(2_000, 20_000))
        return True

    def _adl(self, chance: Chance) -> bool:
        found = self._holding(chance)
        if found is None:
            return False
        counter, instrument = found
        held = int(abs(self._held(counter)[instrument]) / counter.venue.instruments[instrument].lot_size)
        # All of it, some of it, or so much that the rest is too small for an order.
        lots = chance.choice((None, 1, chance.between(1, max(1, held)), max(1, held - chance.between(1, 3))))
        return self.deleverage(counter, instrument, lots)

    def _liquidation(self, chance: Chance) -> bool:
        found = self._holding(chance)
        return found is not None and self.liquidate(*found)

    def _delist(self, chance: Chance) -> bool:
        self.delist(*self._some(chance))
        return True

    def _interval(self, chance: Chance) -> bool:
        counter, instrument = self._some(chance)
        hours = chance.choice((1, 4, 8))
        self._world.fault(FaultKind.INTERVAL_CHANGE, counter.name, f"{instrument} settles every {hours} h")
        counter.market.change_interval(instrument, hours * HOUR_NS, self._world.now_ns())
        return True

    def _fees(self, chance: Chance) -> bool:
        counter, instrument = self._some(chance)
        fees = counter.venue.instruments[instrument].fees
        changed = FeeSchedule(maker=fees.maker, taker=fees.taker * chance.choice((2, 3)))
        self._world.fault(FaultKind.FEE_CHANGE, counter.name, f"{instrument} takes {changed.taker}")
        counter.market.change(instrument, fees=changed)
        return True

    def _disk_full(self, chance: Chance) -> bool:
        self.fill_disk(chance.choice((3, 10, 25)))
        return True

    def _halt(self, chance: Chance) -> bool:
        scope = chance.choice((EVERYTHING, *self._world.counters))
        if chance.below(4):
            # While an entry is being prepared: what was asked before must not count after.
            self._world.arm(chance.between(1, 24), partial(self._world.halt, scope))
        else:
            self._world.halt(scope)
        return True

    def _free_disk(self) -> None:
        self._world.disk_is_full = False
        self._world.log.add("database", "has room again")

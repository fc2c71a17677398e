"""More of how a scenario may have to end: orders by their purpose, bounds, payments, halts."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from arb.model import BPS, SECOND_NS, EventKind, OrderPurpose, OrderRecord, exchange_of
from arb.risk import Halts

from ._scenario import Expectation

if TYPE_CHECKING:
    from ._stage import Stage


def sent(
    purpose: OrderPurpose, *, venue: str = "", at_most: int | None = None, exactly: int | None = None
) -> Expectation:
    """Expect a number of orders of a purpose that reached a venue, or any."""

    def check(stage: Stage) -> str:
        count = sum(record.purpose is purpose for record in _arrived(stage, venue))
        good = (at_most is None or count <= at_most) and (exactly is None or count == exactly)
        return "" if good else f"there are {count}"

    limit = f"exactly {exactly}" if exactly is not None else f"at most {at_most}"
    return Expectation(text=f"{limit} {purpose} orders reach {venue or 'venues'}", check=check)


def every_id_once() -> Expectation:
    """Expect that no id of an order reached a venue twice."""

    def check(stage: Stage) -> str:
        found = [name for name, count in stage.episode.world.auditor.truth.arrivals.items() if count > 1]
        return f"{found[0]} arrived again" if found else ""

    return Expectation(text="every order id reaches a venue once", check=check)


def nothing_rests() -> Expectation:
    """Expect that no venue holds a working order at the end."""

    def check(stage: Stage) -> str:
        orders = [one for counter in stage.episode.world.counters.values() for one in counter.venue.open_orders()]
        return f"{orders[0].request.client_order_id} does" if orders else ""

    return Expectation(text="no order rests at the end", check=check)


def bounded(bps: int) -> Expectation:
    """Expect that no order was priced further from the mid price on its arrival."""

    def check(stage: Stage) -> str:
        for record in _arrived(stage):
            request = record.order.request
            away = (request.price - record.arrival_price) * request.side.sign / record.arrival_price / BPS
            if away > bps:
                return f"{request.client_order_id} was priced {away:.0f} bps away"
        return ""

    return Expectation(text=f"every order is priced within {bps} bps of the mid price", check=check)


def naked(*, at_most_s: float) -> Expectation:
    """Expect that no hedge was unequal for longer, in its whole life."""

    def check(stage: Stage) -> str:
        longest = max((one.seconds for one in stage.episode.world.auditor.exposure.times()), default=Decimal(0))
        return "" if longest <= Decimal(str(at_most_s)) else f"one was so for {longest:.2f} s"

    return Expectation(text=f"no hedge is unequal for more than {at_most_s} s", check=check)


def paid(venue: str, signs: str, *, low: str = "0", high: str = "Infinity") -> Expectation:
    """Expect the funding payments of a venue, oldest first: `+` is received, `-` is paid.

    Args:
        venue: Its name.
        signs: One for each payment.
        low: The least amount of each, without its sign.
        high: The largest.
    """

    def check(stage: Stage) -> str:
        amounts = [row.amount for row in stage.counter(venue).venue.payments(0)]
        found = "".join("+" if amount > 0 else "-" if amount else "0" for amount in amounts)
        wrong = [amount for amount in amounts if not Decimal(low) <= abs(amount) <= Decimal(high)]
        if found != signs:
            return f"they are {found or 'none'}"
        return f"one is {wrong[0]}" if wrong else ""

    return Expectation(text=f"the funding payments at {venue} are {signs}, each from {low} to {high}", check=check)


def halted(scope: str | None) -> Expectation:
    """Expect a halt of a scope that stands at the end; None expects that there is none."""

    def check(stage: Stage) -> str:
        world = stage.episode.world
        scopes = [one.scope for one in Halts(world.halts, world.clock).active()]
        good = not scopes if scope is None else scope in scopes
        return "" if good else f"the halts are of {', '.join(scopes) or 'nothing'}"

    return Expectation(text="no halt stands" if scope is None else f"a halt of {scope} stands", check=check)


def between(kind: EventKind, first_s: float, last_s: float) -> Expectation:
    """Expect an event of a kind, and every one of it so many seconds after the start."""

    def check(stage: Stage) -> str:
        start_ns = stage.episode.world.start_ns
        times = [(one.ts_ns - start_ns) / SECOND_NS for one in stage.events if one.kind is kind]
        outside = [time for time in times if not first_s <= time <= last_s]
        return f"one was at {outside[0]:.1f} s" if outside else "" if times else "there was none"

    return Expectation(text=f"{kind} between {first_s} s and {last_s} s", check=check)


def figure(name: str, low: str, high: str, *, of_exit: bool = False) -> Expectation:
    """Expect a figure behind the decision to enter every hedge, such as `fees_bps`, or to leave it."""

    def check(stage: Stage) -> str:
        hedges = stage.episode.world.auditor.truth.hedges.values()
        texts = [(hedge.exit_numbers if of_exit else hedge.entry_numbers).get(name, "unknown") for hedge in hedges]
        wrong = [text for text in texts if text == "unknown" or not Decimal(low) <= Decimal(text) <= Decimal(high)]
        return f"it is {wrong[0]}" if wrong else "" if texts else "there is no hedge"

    when = "exit" if of_exit else "entry"
    return Expectation(text=f"{name} at the {when} is between {low} and {high}", check=check)


def rebated(venue: str) -> Expectation:
    """Expect a fill at a venue with a negative fee: the venue pays us."""

    def check(stage: Stage) -> str:
        fees = [fill.fee for fill in stage.counter(venue).venue.fills(0)]
        return "" if any(fee < 0 for fee in fees) else f"the fees are {', '.join(map(str, fees)) or 'none'}"

    return Expectation(text=f"{venue} pays a rebate", check=check)


def ended_by(*errors: str) -> Expectation:
    """Expect what ended the first processes by themselves, by the name of the error; empty for one that was not.

    Those that the script killed, or that live until the end, were not.
    """

    def check(stage: Stage) -> str:
        processes = stage.episode.world.processes[: len(errors)]
        found = ["" if one.ended is None else type(one.ended).__name__ for one in processes]
        return "" if found == list(errors) else f"they were ended by {found}"

    return Expectation(text=f"the first processes are ended by {list(errors)}", check=check)


def known_ids() -> Expectation:
    """Expect that every order that was filled has the exchange's own id in the journal."""

    def check(stage: Stage) -> str:
        for record in _arrived(stage):
            order = record.order
            if order.filled_quantity and (order.exchange_order_id or "none").lower() in ("none", "null", ""):
                return f"{order.request.client_order_id} has {order.exchange_order_id!r}"
        return ""

    return Expectation(text="every filled order has the id that its exchange gave it", check=check)


def _arrived(stage: Stage, venue: str = "") -> Iterator[OrderRecord]:
    truth = stage.episode.world.auditor.truth
    for name in truth.arrivals:
        record = truth.orders.get(name)
        if record is not None and venue in ("", str(exchange_of(record.order.request.instrument))):
            yield record

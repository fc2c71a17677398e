"""Exchange kit: funding payments: amount, sign, wholeness."""

from __future__ import annotations

from typing import Final

from arb.api import Capability
from arb.model import DAY_NS, MINUTE_NS, ZERO, Side

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import EMPTY_OBJECT, LAST_UNIT, NO_JSON, PROXY_PAGE, fails, near, same_time
from ._kit_ground import FAKE

_MANY: Final = 110
"""Settlements: venues give a hundred rows at once, many of them fewer."""


class PaymentCases(ExchangeCases):
    """Funding payments: amount, sign, wholeness."""

    group = "payments"

    def test_x063_funding_is_booked_with_its_sign(self, use: Use) -> None:
        """Held over a settlement, a position gets one payment: minus quantity x price x rate.

        Only simulated venues can be waited for.
        """

        async def body(desk: Desk) -> None:
            settles_ns = await next_settlement(desk)
            if settles_ns - desk.now_ns < MINUTE_NS:
                await desk.context.clock.sleep_until(settles_ns + MINUTE_NS)
                settles_ns = await next_settlement(desk)
            start_ns = desk.now_ns
            await desk.send(await desk.request())
            held = await desk.held()
            await desk.context.clock.sleep_until(settles_ns + MINUTE_NS)
            payments = [
                each
                for each in await desk.trading.fetch_funding_payments(start_ns)
                if each.instrument == desk.instrument.id
            ]
            assert len(payments) == 1, f"{len(payments)} payments for one settlement"
            (payment,) = payments
            assert abs(payment.settled_ns - settles_ns) < MINUTE_NS
            assert payment.quantity in (None, held)
            if payment.quantity is not None and payment.price is not None and payment.rate is not None:
                owed = -payment.quantity * payment.price * payment.rate
                assert abs(payment.amount - owed) <= LAST_UNIT

        use(body, Capability.SIMULATED, Capability.TRADING, Capability.FUNDING_PAYMENTS, Capability.PREDICTED_FUNDING)

    def test_x150_payments_are_the_venues(self, use: Use) -> None:
        """Amount, currency, instrument and time of each, long and short."""

        async def body(desk: Desk) -> None:
            for side in (Side.BUY, Side.SELL):
                start_ns = desk.now_ns
                await desk.send(await desk.request(side, quantity=await desk.quantity(4)))
                await settlements(desk, 2)
                true = await desk.truth.trading.fetch_funding_payments(start_ns)
                found = await desk.trading.fetch_funding_payments(start_ns)
                assert len(found) == len(true) >= 2
                for mine, theirs in zip(found, true, strict=True):
                    assert near(mine.amount, theirs.amount, most=str(LAST_UNIT)), f"{mine.amount}, not {theirs.amount}"
                    assert (mine.instrument, mine.currency) == (desk.instrument.id, theirs.currency)
                    assert same_time(mine.settled_ns, theirs.settled_ns, MINUTE_NS)
                await desk.flatten()

        use(body, Capability.TRADING, Capability.FUNDING_PAYMENTS, FAKE)

    def test_x151_a_payment_has_the_sign_of_its_rate(self, use: Use) -> None:
        """At a positive rate the long pays and the short receives: proved by what was paid, not by what is said."""

        async def body(desk: Desk) -> None:
            for side in (Side.BUY, Side.SELL):
                await desk.sleep(MINUTE_NS)  # a run may begin at a settlement
                start_ns = desk.now_ns
                await desk.send(await desk.request(side, quantity=await desk.quantity(4)))
                await settlements(desk, 1)
                rates = await desk.exchange.market.fetch_funding_history(desk.instrument.id, start_ns, desk.now_ns)
                payments = await desk.trading.fetch_funding_payments(start_ns)
                assert len(rates) == len(payments) == 1
                assert payments[0].amount * rates[0].per_hour * side.sign <= 0, "the wrong side was paid"
                await desk.flatten()

        use(body, Capability.TRADING, Capability.FUNDING_PAYMENTS, Capability.FUNDING_HISTORY, Capability.SIMULATED)

    def test_x152_a_payment_proves_the_unit_of_the_rate(self, use: Use) -> None:
        """Minus quantity x price x the settled rate is what was paid."""

        async def body(desk: Desk) -> None:
            await desk.sleep(MINUTE_NS)  # a run may begin at a settlement
            start_ns = desk.now_ns
            await desk.send(await desk.request(quantity=await desk.quantity(4)))
            held = await desk.held()
            await settlements(desk, 1)
            (rate,) = await desk.exchange.market.fetch_funding_history(desk.instrument.id, start_ns, desk.now_ns)
            (payment,) = await desk.trading.fetch_funding_payments(start_ns)
            true = desk.truth.venue.payments(start_ns)[0]
            assert true.price is not None
            owed = -held * true.price * (rate.rate if rate.interval_ns else rate.raw * rate.unit.factor)
            assert near(payment.amount, owed, part="0.02", most="0.00001"), f"paid {payment.amount}, by the rate {owed}"

        use(body, Capability.TRADING, Capability.FUNDING_PAYMENTS, Capability.FUNDING_HISTORY, FAKE)

    def test_x153_a_long_list_of_payments_is_whole(self, use: Use) -> None:
        """Each settlement once, oldest first, over more than a page."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            await desk.send(await desk.request(quantity=await desk.quantity(4)))
            await settlements(desk, _MANY)
            true = await desk.truth.trading.fetch_funding_payments(start_ns)
            found = await desk.trading.fetch_funding_payments(start_ns)
            assert len({payment.payment_id for payment in found}) == len(found) == len(true) >= _MANY
            times = [payment.settled_ns for payment in found]
            assert times == sorted(times)
            assert near(
                sum((each.amount for each in found), ZERO), sum((each.amount for each in true), ZERO), most="0.001"
            )

        use(body, Capability.TRADING, Capability.FUNDING_PAYMENTS, FAKE)

    def test_x154_payments_from_a_time_leave_out_what_was_before(self, use: Use) -> None:
        """And nothing else: one at the time itself is listed."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            await desk.send(await desk.request(quantity=await desk.quantity(4)))
            await settlements(desk, 3)
            found = list(await desk.trading.fetch_funding_payments(start_ns))
            middle_ns = found[1].settled_ns
            assert list(await desk.trading.fetch_funding_payments(middle_ns)) == found[1:]
            assert list(await desk.trading.fetch_funding_payments(middle_ns + 1)) == found[2:]

        use(body, Capability.TRADING, Capability.FUNDING_PAYMENTS, Capability.SIMULATED, Capability.PREDICTED_FUNDING)

    def test_x155_payments_that_cannot_be_read_are_not_none(self, use: Use) -> None:
        """They raise: an empty list would say that nothing was paid."""

        async def body(desk: Desk) -> None:
            for answer in (NO_JSON, PROXY_PAGE, EMPTY_OBJECT):
                with desk.ground.answering(answer):
                    await fails(desk.trading.fetch_funding_payments(desk.now_ns - DAY_NS))

        use(body, Capability.TRADING, Capability.FUNDING_PAYMENTS, FAKE)


async def settlements(desk: Desk, count: int) -> None:
    """Wait until this many are over, each known to the venue."""
    for _ in range(count):
        await desk.context.clock.sleep_until(await next_settlement(desk) + MINUTE_NS)


async def next_settlement(desk: Desk) -> int:
    """Return when the next one is due; where funding accrues, when the venue books what has accrued in one period."""
    rates = {rate.instrument: rate for rate in await desk.exchange.market.fetch_funding_rates()}
    rate = rates[desk.instrument.id]
    if not rate.interval_ns:
        period_ns = rate.unit.period_ns
        return (desk.now_ns // period_ns + 1) * period_ns
    assert rate.next_funding_ns is not None
    return rate.next_funding_ns

"""Exchange kit: cash, positions and fees to the last unit."""

from __future__ import annotations

from typing import Final

from arb.api import Capability, TransferHistory
from arb.model import DAY_NS, HOUR_NS, SECOND_NS, ZERO, Instrument, Side, exact_money, name_of

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import LAST_UNIT, at_once, near
from ._kit_ground import FAKE

_CENT: Final = "0.01"
_MANY: Final = 120
"""Fills: venues give a hundred rows at once, many of them fewer."""


class AccountingCases(ExchangeCases):
    """Cash, positions and fees to the last unit."""

    group = "accounting"

    def test_x059_transfers_are_of_this_account_and_in_order(self, use: Use) -> None:
        """Deposits, withdrawals and interest, each with an id of its own; a later start lists fewer."""

        async def body(desk: Desk) -> None:
            history: object = desk.trading
            assert isinstance(history, TransferHistory), "TRANSFERS is declared, but `trading` cannot list them"
            found = await history.fetch_transfers(0)
            assert [one.ts_event_ns for one in found] == sorted(one.ts_event_ns for one in found)
            assert len({one.transfer_id for one in found}) == len(found), "two transfers have one id"
            for one in found:
                assert one.exchange == desk.exchange.name
                assert one.amount.is_finite()
                later = await history.fetch_transfers(one.ts_event_ns)
                assert one in later
                assert all(row.ts_event_ns >= one.ts_event_ns for row in later)

        use(body, Capability.TRADING, Capability.TRANSFERS)

    def test_x060_equity_is_cash_and_unrealised_pnl(self, use: Use) -> None:
        """Flat and with a position open; what is available is never more than the equity."""

        async def body(desk: Desk) -> None:
            for wanted in (None, Side.BUY, Side.SELL):
                if wanted is not None:
                    await desk.send(await desk.request(wanted))
                unrealized = sum((each.unrealized_pnl for each in await desk.trading.fetch_positions()), ZERO)
                balances = await desk.trading.fetch_balances()
                assert len({each.currency for each in balances}) == len(balances), "a currency twice"
                difference = sum((each.equity - each.cash for each in balances), ZERO) - unrealized
                assert abs(difference) <= LAST_UNIT, f"equity - cash differs from the positions' PnL by {difference}"
                for each in balances:
                    assert each.available <= each.equity
                    assert each.maintenance_margin is None or each.maintenance_margin >= 0

        use(body, Capability.TRADING)

    def test_x061_a_round_trip_moves_cash_by_pnl_and_fees_exactly(self, use: Use) -> None:
        """Cash after = cash before + realised PnL - fees + funding, to the last unit."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            before = {each.currency: each.cash for each in await desk.trading.fetch_balances()}
            for side in (Side.SELL, Side.BUY):
                await desk.send(await desk.request(side))
            assert await desk.held() == 0
            after = {each.currency: each.cash for each in await desk.trading.fetch_balances()}
            fills = [fill for fill in await desk.trading.fetch_fills(start_ns) if fill.ts_event_ns >= start_ns]
            if Capability.FUNDING_PAYMENTS in desk.exchange.capabilities:
                payments = await desk.trading.fetch_funding_payments(start_ns)
            else:
                payments = ()
            with exact_money():
                moved = sum(after.values(), ZERO) - sum(before.values(), ZERO)
                earned = sum((-fill.side.sign * fill.quantity * fill.price for fill in fills), ZERO)
                paid = sum((fill.fee for fill in fills), ZERO)
                funding = sum((payment.amount for payment in payments), ZERO)
                assert abs(moved - (earned - paid + funding)) <= LAST_UNIT

        use(body, Capability.TRADING)

    def test_x062_fills_are_listed_once_in_order_from_a_time(self, use: Use) -> None:
        """Ids are unique, times ascend, `since` leaves out what is earlier and nothing else."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            first = await desk.send(await desk.request(Side.BUY))
            await desk.context.clock.sleep_until(desk.now_ns + SECOND_NS)
            middle_ns = desk.now_ns
            await desk.context.clock.sleep_until(desk.now_ns + SECOND_NS)
            second = await desk.send(await desk.request(Side.SELL))
            fills = list(await desk.trading.fetch_fills(start_ns))
            assert len({fill.fill_id for fill in fills}) == len(fills)
            times = [fill.ts_event_ns for fill in fills]
            assert times == sorted(times)
            assert {fill.client_order_id for fill in fills} >= {
                first.request.client_order_id,
                second.request.client_order_id,
            }
            late = await desk.trading.fetch_fills(middle_ns)
            assert list(late) == [fill for fill in fills if fill.ts_event_ns >= middle_ns]

        use(body, Capability.TRADING)

    def test_x290_positions_are_the_venues(self, use: Use) -> None:
        """Signed quantity, entry, mark and PnL of each, long and short, in two instruments at once."""

        async def body(desk: Desk) -> None:
            await desk.send(await desk.request(Side.SELL, quantity=await desk.quantity(3)))
            other = await desk.another()
            if other is not None:
                await other.send(await other.request(Side.BUY))
            await desk.sleep(HOUR_NS)
            found, true = await at_once(desk, desk.trading.fetch_positions, desk.truth.trading.fetch_positions)
            wanted = {name_of(each.instrument): each for each in true}
            assert len(found) == len(true)
            for mine in found:
                listed = next(
                    each for each in await desk.exchange.market.fetch_instruments() if each.id == mine.instrument
                )
                theirs = wanted[await _true_name_of(desk, listed)]
                assert mine.quantity == theirs.quantity, "signed contracts"
                assert near(mine.entry_price, theirs.entry_price, part="0.0001"), "entry"
                assert near(mine.mark_price, theirs.mark_price, part="0.0001"), "mark"
                assert near(mine.unrealized_pnl, theirs.unrealized_pnl, part="0.001", most="0.02"), "PnL"

        use(body, Capability.TRADING, FAKE)

    def test_x291_balances_are_the_venues(self, use: Use) -> None:
        """Cash without, equity with the PnL of open positions, and what is free."""

        async def body(desk: Desk) -> None:
            for side in (None, Side.BUY, Side.SELL, Side.SELL):
                if side is not None:
                    await desk.send(await desk.request(side, quantity=await desk.quantity(5)))
                    await desk.sleep(HOUR_NS)
                found, true = await at_once(desk, desk.trading.fetch_balances, desk.truth.trading.fetch_balances)
                assert {each.currency for each in found} >= {each.currency for each in true if each.cash}
                wanted = {each.currency: each for each in true}
                for mine in found:
                    if mine.currency not in wanted:
                        assert mine.cash == 0
                        continue
                    theirs = wanted[mine.currency]
                    assert near(mine.cash, theirs.cash, most=_CENT), f"cash {mine.cash} instead of {theirs.cash}"
                    assert near(mine.equity, theirs.equity, most=_CENT), f"equity {mine.equity}, not {theirs.equity}"
                    in_use, true_use = mine.equity - mine.available, theirs.equity - theirs.available
                    assert near(in_use, true_use, part="0.02", most="0.1"), f"{in_use} in use instead of {true_use}"

        use(body, Capability.TRADING, FAKE)

    def test_x292_fees_are_costs(self, use: Use) -> None:
        """A taker's fee has the sign that the venue's own cash shows, in the currency it was taken in."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            before = sum((each.cash for each in await desk.truth.trading.fetch_balances()), ZERO)
            await desk.send(await desk.request())
            after = sum((each.cash for each in await desk.truth.trading.fetch_balances()), ZERO)
            fills = await desk.trading.fetch_fills(start_ns)
            assert near(sum((fill.fee for fill in fills), ZERO), before - after, most=str(LAST_UNIT)), "sign or size"

        use(body, Capability.TRADING, FAKE)

    def test_x293_realised_pnl_is_what_was_booked(self, use: Use) -> None:
        """Where it is told: of the closed part, before the fee, over a reversal too."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            for side, times in ((Side.BUY, 2), (Side.SELL, 5), (Side.BUY, 3)):
                await desk.send(await desk.request(side, quantity=await desk.quantity(times)))
                await desk.sleep(HOUR_NS)
            found = await desk.trading.fetch_fills(start_ns)
            true = desk.truth.venue.fills(start_ns)
            told = [fill.realized_pnl for fill in found]
            if None not in told:
                mine = sum((pnl for pnl in told if pnl is not None), ZERO)
                theirs = sum((fill.realized_pnl for fill in true if fill.realized_pnl is not None), ZERO)
                assert near(mine, theirs, most="0.00001"), f"{mine} instead of {theirs}"

        use(body, Capability.TRADING, FAKE)

    def test_x294_cash_moves_by_what_is_listed(self, use: Use) -> None:
        """Over days with funding: fills, fees and payments together are the whole change of the venue's cash."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            before = sum((each.cash for each in await desk.trading.fetch_balances()), ZERO)
            quantity = await desk.quantity(3)
            for side in (Side.BUY, Side.SELL):
                await desk.send(await desk.request(side, quantity=quantity))
                await desk.sleep(2 * DAY_NS)
            assert await desk.held() == 0
            after = sum((each.cash for each in await desk.trading.fetch_balances()), ZERO)
            fills = await desk.trading.fetch_fills(start_ns)
            payments = await desk.trading.fetch_funding_payments(start_ns)
            moved = sum((-fill.side.sign * fill.quantity * fill.price - fill.fee for fill in fills), ZERO)
            moved += sum((payment.amount for payment in payments), ZERO)
            assert near(after - before, moved, part="0", most="0.0001"), f"{after - before} moved, {moved} is listed"

        use(body, Capability.TRADING, Capability.FUNDING_PAYMENTS, Capability.SIMULATED)

    def test_x295_a_long_list_of_fills_is_whole(self, use: Use) -> None:
        """Each once, oldest first, over more than a page."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            for index in range(_MANY):
                await desk.send(await desk.request(Side.SELL if index % 2 else Side.BUY))
            true = desk.truth.venue.fills(start_ns)
            found = await desk.trading.fetch_fills(start_ns)
            assert [(fill.quantity, fill.price) for fill in found] == [(fill.quantity, fill.price) for fill in true]
            assert len({fill.fill_id for fill in found}) == len(found) >= _MANY

        use(body, Capability.TRADING, FAKE)

    def test_x296_a_flat_instrument_has_no_row(self, use: Use) -> None:
        """Closed is absent: a row of zero would be a position."""

        async def body(desk: Desk) -> None:
            assert list(await desk.trading.fetch_positions()) == []
            for side in (Side.BUY, Side.SELL):
                await desk.send(await desk.request(side))
                assert all(position.quantity for position in await desk.trading.fetch_positions())
            assert list(await desk.trading.fetch_positions()) == []

        use(body, Capability.TRADING)

    def test_x297_the_liquidation_price_is_the_venues_or_unknown(self, use: Use) -> None:
        """On the right side of the market, never zero: a hedge is sized by how far it is."""

        async def body(desk: Desk) -> None:
            for side in (Side.BUY, Side.SELL):
                await desk.send(await desk.request(side, quantity=await desk.quantity(6)))
                position = await desk.position()
                assert position is not None
                price = position.liquidation_price
                (true,) = await desk.truth.trading.fetch_positions()
                if price is not None:
                    assert price > 0, "zero is no price: None is unknown"
                    assert (position.mark_price - price) * side.sign > 0, "on the wrong side"
                    if true.liquidation_price is not None:
                        assert near(price, true.liquidation_price, part="0.01")
                await desk.flatten()

        use(body, Capability.TRADING, FAKE)

    def test_x298_the_margin_in_use_is_the_venues_or_unknown(self, use: Use) -> None:
        """Maintenance margin is never zero with a position open."""

        async def body(desk: Desk) -> None:
            await desk.send(await desk.request(quantity=await desk.quantity(6)))
            found, true = await at_once(desk, desk.trading.fetch_balances, desk.truth.trading.fetch_balances)
            wanted = sum((each.maintenance_margin for each in true if each.maintenance_margin is not None), ZERO)
            told = [each.maintenance_margin for each in found if each.maintenance_margin is not None]
            assert not told or near(sum(told, ZERO), wanted, part="0.01"), f"{told} instead of {wanted}"

        use(body, Capability.TRADING, FAKE)

    def test_x299_an_account_can_be_read(self, use: Use) -> None:
        """Every private read once, and each says what an account can be: nothing is sent."""

        async def body(desk: Desk) -> None:
            balances = await desk.trading.fetch_balances()
            assert len({each.currency for each in balances}) == len(balances), "a currency twice"
            positions = await desk.trading.fetch_positions()
            assert len({each.instrument for each in positions}) == len(positions), "an instrument twice"
            assert all(each.quantity and each.mark_price > 0 for each in positions)
            assert all(not order.status.is_final for order in await desk.trading.fetch_open_orders())
            fills = await desk.trading.fetch_fills(desk.now_ns - DAY_NS)
            assert all(fill.ts_event_ns >= desk.now_ns - DAY_NS - SECOND_NS for fill in fills), "another unit of time"
            leverage, _ = await desk.trading.fetch_leverage(desk.instrument.id)
            assert leverage > 0

        use(body, Capability.TRADING)


async def _true_name_of(desk: Desk, listed: Instrument) -> str:
    true = await desk.truth.market.fetch_instruments()
    return next(name_of(each.id) for each in true if (each.base, each.quote) == (listed.base, listed.quote))

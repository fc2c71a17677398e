"""Exchange kit: funding rates: unit, sign, interval, history."""

from __future__ import annotations

from decimal import Decimal

from arb.api import Capability, ExchangeError
from arb.model import DAY_NS, HOUR_NS, SECOND_NS, FundingKind, FundingRate

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import (
    EMPTY_OBJECT,
    NO_JSON,
    PROXY_PAGE,
    at_once,
    check_rate,
    near,
    outcome,
    same_time,
    true_name,
)
from ._kit_ground import FAKE


class FundingCases(ExchangeCases):
    """Funding rates: unit, sign, interval, history."""

    group = "funding"

    def test_x020_predicted_funding_has_unit_interval_and_payment_time(self, use: Use) -> None:
        """A plausible fraction per hour, to be paid in the future within one interval, or at every moment."""

        async def body(desk: Desk) -> None:
            intervals = {each.id: each.funding_interval_ns for each in await desk.exchange.market.fetch_instruments()}
            rates = await desk.exchange.market.fetch_funding_rates()
            assert len({rate.instrument for rate in rates}) == len(rates), "two rates of one instrument"
            assert desk.instrument.id in {rate.instrument for rate in rates}
            for rate in rates:
                check_rate(rate, FundingKind.PREDICTED)
                known = intervals[rate.instrument]
                assert known is None or known == rate.interval_ns, "rate and instrument state different intervals"
                assert (rate.next_funding_ns is None) == (rate.interval_ns == 0), "what accrues is paid at no time"
                if rate.next_funding_ns is not None:
                    assert desk.now_ns < rate.next_funding_ns <= desk.now_ns + max(rate.interval_ns, HOUR_NS)

        use(body, Capability.PREDICTED_FUNDING)

    def test_x021_settled_funding_is_whole_and_in_order(self, use: Use) -> None:
        """Settled rates only, oldest first, inside the window, none twice, windows add up."""

        async def body(desk: Desk) -> None:
            market, name = desk.exchange.market, desk.instrument.id
            end_ns = desk.now_ns
            start_ns, middle_ns = end_ns - 3 * DAY_NS, end_ns - DAY_NS
            whole = list(await market.fetch_funding_history(name, start_ns, end_ns))
            stamps = [rate.ts_event_ns for rate in whole]
            assert stamps == sorted(set(stamps))
            assert all(start_ns <= stamp < end_ns for stamp in stamps)
            for rate in whole:
                assert rate.instrument == name
                check_rate(rate, FundingKind.SETTLED)
                assert rate.next_funding_ns is None
            early = list(await market.fetch_funding_history(name, start_ns, middle_ns))
            late = list(await market.fetch_funding_history(name, middle_ns, end_ns))
            assert [rate.ts_event_ns for rate in early + late] == stamps
            assert list(await market.fetch_funding_history(name, end_ns, end_ns)) == []

        use(body, Capability.FUNDING_HISTORY)

    def test_x140_a_predicted_rate_is_the_venues_by_the_hour(self, use: Use) -> None:
        """Unit and sign: percent, eight hours for one, or the other side of the trade would all show."""

        async def body(desk: Desk) -> None:
            found, true = await at_once(
                desk, desk.exchange.market.fetch_funding_rates, desk.truth.market.fetch_funding_rates
            )
            wanted = {rate.instrument: rate for rate in true}
            assert {rate.instrument for rate in found} == set(wanted), "not every instrument has its rate"
            for rate in found:
                check_same(rate, wanted[rate.instrument])

        use(body, Capability.PREDICTED_FUNDING, FAKE)

    def test_x141_the_coming_settlement_is_the_venues(self, use: Use) -> None:
        """When it is paid, and how long after the one before."""

        async def body(desk: Desk) -> None:
            found, true = await at_once(
                desk, desk.exchange.market.fetch_funding_rates, desk.truth.market.fetch_funding_rates
            )
            wanted = {rate.instrument: rate for rate in true}
            for rate in found:
                theirs = wanted[rate.instrument]
                assert rate.interval_ns == theirs.interval_ns, f"{rate.instrument}: interval"
                if theirs.next_funding_ns is None:
                    assert rate.next_funding_ns is None, f"{rate.instrument}: what accrues is paid at no time"
                    continue
                assert rate.next_funding_ns is not None
                assert same_time(rate.next_funding_ns, theirs.next_funding_ns, SECOND_NS), f"{rate.instrument}: next"

        use(body, Capability.PREDICTED_FUNDING, FAKE)

    def test_x142_settled_rates_are_the_venues(self, use: Use) -> None:
        """The rate of each settlement and its time, over three days."""

        async def body(desk: Desk) -> None:
            await _same_history(desk, 3 * DAY_NS)

        use(body, Capability.FUNDING_HISTORY, FAKE)

    def test_x143_a_long_history_is_whole(self, use: Use) -> None:
        """Sixty days are more rows than any venue gives at once."""

        async def body(desk: Desk) -> None:
            await _same_history(desk, 60 * DAY_NS)

        use(body, Capability.FUNDING_HISTORY, FAKE)

    def test_x144_what_is_not_settled_yet_is_no_history(self, use: Use) -> None:
        """A window that reaches into the future ends with the last settlement; one in the future is empty."""

        async def body(desk: Desk) -> None:
            market, name, now_ns = desk.exchange.market, desk.instrument.id, desk.now_ns
            found = await market.fetch_funding_history(name, now_ns - DAY_NS, now_ns + DAY_NS)
            assert found
            assert all(rate.ts_event_ns <= now_ns for rate in found), "a prediction among the settled rates"
            assert list(await market.fetch_funding_history(name, now_ns + HOUR_NS, now_ns + DAY_NS)) == []

        use(body, Capability.FUNDING_HISTORY, FAKE)

    def test_x145_the_window_of_history_is_half_open(self, use: Use) -> None:
        """A settlement at its start is in, one at its end is not, to the nanosecond."""

        async def body(desk: Desk) -> None:
            market, name = desk.exchange.market, desk.instrument.id
            rates = await market.fetch_funding_history(name, desk.now_ns - DAY_NS, desk.now_ns)
            assert len(rates) >= 2, "a day without settlements"
            first, last = rates[0].ts_event_ns, rates[-1].ts_event_ns
            found = await market.fetch_funding_history(name, first, last)
            assert [rate.ts_event_ns for rate in found] == [rate.ts_event_ns for rate in rates[:-1]]
            assert [rate.ts_event_ns for rate in await market.fetch_funding_history(name, first, first + 1)] == [first]
            assert list(await market.fetch_funding_history(name, first + 1, first + 2)) == []

        use(body, Capability.FUNDING_HISTORY)

    def test_x146_a_rate_that_cannot_be_read_is_not_zero(self, use: Use) -> None:
        """Predicted and settled rates raise instead: a zero is a rate to trade on."""

        async def body(desk: Desk) -> None:
            market, name = desk.exchange.market, desk.instrument.id
            for answer in (NO_JSON, PROXY_PAGE, EMPTY_OBJECT):
                with desk.ground.answering(answer):
                    for told in (
                        await outcome(market.fetch_funding_rates()),
                        await outcome(market.fetch_funding_history(name, desk.now_ns - DAY_NS, desk.now_ns)),
                    ):
                        assert isinstance(told, ExchangeError) or any(rate.raw for rate in told), "nothing, or zeros"

        use(body, Capability.PREDICTED_FUNDING, Capability.FUNDING_HISTORY, FAKE)

    def test_x147_history_that_fails_in_the_middle_is_not_cut_short(self, use: Use) -> None:
        """When a later page fails the whole read fails: a short history looks like a whole one."""

        async def body(desk: Desk) -> None:
            market, name, wire = desk.exchange.market, desk.instrument.id, desk.ground.wire
            window = (desk.now_ns - 60 * DAY_NS, desk.now_ns)
            before = len(wire.log)
            whole = len(await market.fetch_funding_history(name, *window))
            pages = len(wire.log) - before
            for page in range(1, min(pages, 4)):
                wire.fail_after(page, PROXY_PAGE)
                told = await outcome(market.fetch_funding_history(name, *window))
                wire.answer = None
                assert isinstance(told, ExchangeError) or len(told) == whole, (
                    f"page {page + 1} failed, and nobody said so"
                )

        use(body, Capability.FUNDING_HISTORY, FAKE)


def check_same(rate: FundingRate, true: FundingRate) -> None:
    """Assert that two rates are one, as well as venues write them: some give four decimals of a percent."""
    assert near(rate.rate, true.rate, part="0.01", most="0.000002"), (
        f"{rate.instrument}: {rate.rate} for a settlement instead of {true.rate}: unit or sign"
    )
    # Where funding accrues there is no settlement: what is published is of the period of its unit.
    hourly = Decimal("0.000002") * HOUR_NS / (true.interval_ns or true.unit.period_ns)
    assert near(rate.per_hour, true.per_hour, part="0.01", most=str(hourly)), f"{rate.instrument}: by the hour"


async def _same_history(desk: Desk, length_ns: int) -> None:
    name, end_ns = desk.instrument.id, desk.now_ns
    found = await desk.exchange.market.fetch_funding_history(name, end_ns - length_ns, end_ns)
    true = await desk.truth.market.fetch_funding_history(true_name(desk), end_ns - length_ns, end_ns)
    assert len(found) == len(true), f"{len(found)} settlements instead of {len(true)}"
    for mine, theirs in zip(found, true, strict=True):
        assert same_time(mine.ts_event_ns, theirs.ts_event_ns, SECOND_NS)
        assert mine.interval_ns == theirs.interval_ns
        check_same(mine, theirs)

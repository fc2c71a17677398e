"""Funding that accrues: the running rate, what accrued by the index, and what the venue has paid."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from arb.api import BadResponse, HttpRequest, HttpResponse
from arb.funding import FundingBook, FundingCollector, FxBook, Schedule, StatsBook
from arb.model import DAY_NS, HOUR_NS, MILLISECOND_NS, MINUTE_NS, SECOND_NS, FundingKind, Side
from arb.testing import START_NS, Bench, BenchDesk


def test_nothing_is_settled(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        market = desk.exchange.market
        for each in await market.fetch_instruments():
            assert each.funding_interval_ns == 0
            assert Schedule(next_ns=1, interval_ns=each.funding_interval_ns).is_continuous
        for rate in await market.fetch_funding_rates():
            assert (rate.interval_ns, rate.next_funding_ns) == (0, None)
            assert rate.kind is FundingKind.PREDICTED
            assert rate.unit.period_ns == HOUR_NS, "the period that this venue publishes"

    bench(body)


def test_options_are_neither_listed_nor_priced(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        market = desk.exchange.market
        answer = await desk.wire.venue.send(
            HttpRequest(method="GET", url="http://fake.test/v1/markets/summary?market=ALL", headers={})
        )
        symbols = {row["symbol"] for row in json.loads(answer.body)["results"]}
        assert "BTC-USD-96000-C" in symbols
        listed = {each.symbol for each in await market.fetch_instruments()}
        assert listed == {"BTC-USD-PERP", "ETH-USD-PERP", "SOL-USD-PERP"}
        assert len(await market.fetch_stats()) == len(await market.fetch_funding_rates()) == 3

    bench(body)


class Index:
    """A market whose rate, price and index are written down: samples every five seconds, a minute of noise."""

    def __init__(self, *, period_h: int, order: int = -1) -> None:
        self.period_h = period_h
        self.order = order
        self.asked: list[str] = []

    def rate(self, ts_ns: int) -> D:
        return D(ts_ns // HOUR_NS % 7 - 3) / 100_000 + D("0.000001")

    def price(self, ts_ns: int) -> D:
        return D(60_000) + ts_ns // HOUR_NS % 11

    def index(self, ts_ns: int) -> D:
        """Return the sum of the hours since three days before: rate x price x the hour's part of the period."""
        hours = range(START_NS // HOUR_NS - 72, ts_ns // HOUR_NS)
        whole = sum((self.rate(hour * HOUR_NS) * self.price(hour * HOUR_NS) for hour in hours), D(0))
        part = D(ts_ns % HOUR_NS) / HOUR_NS
        return (whole + self.rate(ts_ns) * self.price(ts_ns) * part) / self.period_h

    def answer(self, request: HttpRequest) -> HttpResponse | None:
        if "/funding/data" not in request.url:
            return None
        self.asked.append(request.url)
        query = dict(part.split("=") for part in request.url.partition("?")[2].split("&"))
        first, last = (int(query[name]) * MILLISECOND_NS for name in ("start_at", "end_at"))
        times = range(first, last + 1, 5_003_000_000)[:: self.order]
        start = int(query.get("cursor", "0"))
        rows = [
            {
                "market": query["market"],
                "funding_rate": f"{self.rate(at):f}",
                "funding_premium": f"{self.rate(at) * self.price(at):f}",
                "funding_index": f"{self.index(at):f}",
                "funding_rate_8h": "",
                "funding_period_hours": 0,
                "created_at": at // MILLISECOND_NS,
            }
            for at in times[start : start + 10]
        ]
        following = str(start + 10) if start + 10 < len(times) else None
        body = json.dumps({"results": rows, "next": following, "prev": None}).encode()
        return HttpResponse(status=200, headers={}, body=body)


def _of_eight_hours(desk: BenchDesk) -> None:
    def send(asked: HttpRequest, found: HttpResponse) -> HttpResponse:
        if asked.url.endswith("/v1/markets"):
            rows = json.loads(found.body)
            for row in rows["results"]:
                row["funding_period_hours"] = 8
            return replace(found, body=json.dumps(rows).encode())
        return found

    desk.wire.change = send


@pytest.mark.parametrize("order", [1, -1])
def test_history_is_what_the_index_moved_by(bench: Bench, order: int) -> None:
    """In whichever order the venue lists samples, page by page: the difference of the index, over the price."""
    index = Index(period_h=8, order=order)

    async def body(desk: BenchDesk) -> None:
        _of_eight_hours(desk)
        await desk.exchange.market.fetch_instruments()
        end_ns = desk.clock.now_ns() // DAY_NS * DAY_NS
        rates = await desk.exchange.market.fetch_funding_history(desk.instrument.id, end_ns - DAY_NS, end_ns)
        assert [rate.ts_event_ns for rate in rates] == [end_ns - DAY_NS + step * 4 * HOUR_NS for step in range(6)]
        for rate in rates:
            start_ns = rate.ts_event_ns - 4 * HOUR_NS
            moved = index.index(rate.ts_event_ns) - index.index(start_ns)
            # The last sample lies up to five seconds before the moment.
            expected = moved / index.price(rate.ts_event_ns - MINUTE_NS)
            assert abs(rate.raw - expected) < D("0.0000002")
            assert (rate.unit.period_ns, rate.interval_ns, rate.kind) == (4 * HOUR_NS, 0, FundingKind.SETTLED)
            hours = range(start_ns, rate.ts_event_ns, HOUR_NS)
            mean = sum((index.rate(hour) for hour in hours), D(0)) / 4 / 8
            assert abs(rate.per_hour - mean) < D("0.0000001"), "the mean of the running rate, by the hour"
        moments = {url.partition("end_at=")[2].partition("&")[0] for url in index.asked}
        assert len(moments) == 7, "one moment for each end of a step"

    bench(body, answer=index.answer)


def test_a_step_without_samples_is_left_out(bench: Bench) -> None:
    index = Index(period_h=8)
    hole: list[str] = []

    def answer(request: HttpRequest) -> HttpResponse | None:
        if hole and hole[0] in request.url:
            return HttpResponse(status=200, headers={}, body=b'{"results": [], "next": null, "prev": null}')
        return index.answer(request)

    async def body(desk: BenchDesk) -> None:
        _of_eight_hours(desk)
        await desk.exchange.market.fetch_instruments()
        end_ns = desk.clock.now_ns() // DAY_NS * DAY_NS
        hole.append(f"end_at={(end_ns - 8 * HOUR_NS) // MILLISECOND_NS}")
        rates = await desk.exchange.market.fetch_funding_history(desk.instrument.id, end_ns - DAY_NS, end_ns)
        assert [(end_ns - rate.ts_event_ns) // HOUR_NS for rate in rates] == [24, 20, 16, 12]

    bench(body, answer=answer)


def test_a_backfill_that_is_cut_off_goes_on_where_it_ended(bench: Bench) -> None:
    """A far client: two weeks of one market are 255 pages of 150 ms, and a collection has ten seconds."""
    index = Index(period_h=8)

    async def body(desk: BenchDesk) -> None:
        _of_eight_hours(desk)
        funding, listed = FundingBook(), await desk.exchange.market.fetch_instruments()
        collector = FundingCollector(
            exchanges=[desk.exchange],
            instruments={each.id: each for each in listed[:2]},
            clock=desk.clock,
            funding=funding,
            stats=StatsBook(),
            fx=FxBook(assumed={}),
        )
        desk.wire.delay_ns = 150 * MILLISECOND_NS
        for _ in range(10):
            await collector.collect(desk.clock.now_ns())
            await desk.sleep(MINUTE_NS)
        for each in listed[:2]:
            times = [rate.ts_event_ns for rate in funding.settled(each.id)]
            assert times == list(range(times[0], times[0] + 14 * DAY_NS, 4 * HOUR_NS))
        again = len(index.asked) - len(set(index.asked))
        assert again <= 2 * 10, "nothing is asked twice but the moment that was cut off, of three pages"

        index.asked.clear()
        await desk.sleep(4 * HOUR_NS)
        await collector.collect(desk.clock.now_ns())
        assert len(index.asked) == 2 * 3, "from then on one moment a step"

    bench(body, answer=index.answer)


def test_a_moment_without_samples_is_asked_for_again_while_it_is_new(bench: Bench) -> None:
    index = Index(period_h=8)
    holes: list[str] = []

    def answer(request: HttpRequest) -> HttpResponse | None:
        if any(hole in request.url for hole in holes):
            return HttpResponse(status=200, headers={}, body=b'{"results": [], "next": null, "prev": null}')
        return index.answer(request)

    async def body(desk: BenchDesk) -> None:
        _of_eight_hours(desk)
        await desk.exchange.market.fetch_instruments()
        end_ns = (desk.clock.now_ns() // DAY_NS + 1) * DAY_NS
        await desk.sleep(end_ns - desk.clock.now_ns())
        history = desk.exchange.market.fetch_funding_history
        holes.append(f"end_at={end_ns // MILLISECOND_NS}")
        assert len(await history(desk.instrument.id, end_ns - DAY_NS, end_ns + 1)) == 6
        holes.clear()
        (late,) = await history(desk.instrument.id, end_ns, end_ns + 1)
        assert late.ts_event_ns == end_ns

    bench(body, answer=answer)


def test_a_backfill_leaves_the_reads_of_the_account_alone(bench: Bench) -> None:
    """It has a part of the address's calls, and waits in turn: a near client would use up all of them."""
    index = Index(period_h=8)

    async def body(desk: BenchDesk) -> None:
        _of_eight_hours(desk)
        listed = await desk.exchange.market.fetch_instruments()
        now_ns, history = desk.clock.now_ns(), desk.exchange.market.fetch_funding_history
        reading = [asyncio.create_task(history(each.id, now_ns - 100 * DAY_NS, now_ns)) for each in listed]
        desk.wire.delay_ns = 3 * MILLISECOND_NS
        for _ in range(60):
            await desk.sleep(2 * SECOND_NS)
            await desk.trading.fetch_positions()
        times = [sent_ns for sent_ns, sent in desk.wire.log if "/funding/data" in sent.url]
        assert len(times) >= 600
        assert all(times[place] - times[place - 300] >= MINUTE_NS for place in range(300, len(times)))
        for each in reading:
            each.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    bench(body, answer=index.answer)


def test_a_rate_beyond_the_venues_own_limit_is_no_rate(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        def send(asked: HttpRequest, found: HttpResponse) -> HttpResponse:
            if "/markets/summary" not in asked.url:
                return found
            rows = json.loads(found.body)
            rows["results"][0]["funding_rate"] = "0.06"
            return replace(found, body=json.dumps(rows).encode())

        desk.wire.change = send
        assert len(await desk.exchange.market.fetch_funding_rates()) == 2

    bench(body)


def test_a_history_without_an_end_is_none(bench: Bench) -> None:
    body = b'{"results": [], "next": "more", "prev": null}'

    async def case(desk: BenchDesk) -> None:
        desk.wire.answer = lambda asked: (
            HttpResponse(status=200, headers={}, body=body) if "/funding/data" in asked.url else None
        )
        now_ns = desk.clock.now_ns()
        with pytest.raises(BadResponse, match="no end"):
            await desk.exchange.market.fetch_funding_history(desk.instrument.id, now_ns - HOUR_NS, now_ns)

    bench(case)


def test_payments_are_those_of_the_ledger(bench: Bench) -> None:
    """Of every market with fills since then, or held now; each is the index's way times the contracts."""

    async def body(desk: Any) -> None:
        start_ns = desk.clock.now_ns()
        await desk.send(await desk.request(Side.SELL))
        held = (await desk.trading.fetch_positions())[0].quantity
        await desk.sleep(3 * HOUR_NS + MINUTE_NS)
        await desk.send(await desk.request(Side.BUY))
        assert list(await desk.trading.fetch_positions()) == []
        payments = await desk.trading.fetch_funding_payments(start_ns)
        true = await desk.truth.trading.fetch_funding_payments(start_ns)
        assert [each.amount for each in payments] == [each.amount for each in true]
        assert len(payments) >= 3
        asked = [each.url for each in desk.wire.sent("GET", "/funding/payments")]
        assert len(asked) == 1, "one market had fills"
        rates = await desk.exchange.market.fetch_funding_history(desk.instrument.id, start_ns, desk.clock.now_ns())
        by_time = {rate.ts_event_ns: rate for rate in rates}
        for payment, booked in zip(payments, true, strict=True):
            rate = by_time[payment.settled_ns]
            owed = -held * booked.price * rate.per_hour
            assert abs(payment.amount - owed) <= D("0.00001"), "minus contracts x index price x what accrued"

    bench(body)


def test_accrued_funding_is_in_neither_cash_nor_profit(bench: Bench) -> None:
    """Until it is paid: then the payment moves the cash by exactly its amount."""

    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        (plain,) = await desk.trading.fetch_balances()
        (before,) = await desk.trading.fetch_positions()

        def accrued(asked: HttpRequest, found: HttpResponse) -> HttpResponse:
            if not asked.url.endswith("/v1/positions"):
                return found
            rows = json.loads(found.body)
            for row in rows["results"]:
                row["unrealized_funding_pnl"] = "-1.25"
                row["unrealized_pnl"] = f"{D(row['unrealized_pnl']) - D('1.25'):f}"
            return replace(found, body=json.dumps(rows).encode())

        desk.wire.change = accrued
        (balance,) = await desk.trading.fetch_balances()
        (position,) = await desk.trading.fetch_positions()
        assert (balance.cash, balance.equity) == (plain.cash, plain.equity)
        assert (position.unrealized_pnl, position.mark_price) == (before.unrealized_pnl, before.mark_price)

    bench(body)

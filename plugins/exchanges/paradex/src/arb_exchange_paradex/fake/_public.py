"""Public REST calls of the fake venue."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from arb.model import HOUR_NS, MILLISECOND_NS, MINUTE_NS, ZERO, FundingRate, Instrument, MarketStats, OrderBook

from ._floor import Floor
from ._keys import ACCOUNT_HASH, CHAIN, PROXY_HASH
from ._pages import page
from ._refusal import Refusal
from ._shapes import decimal, levels, market, ms, option, summary

_ONE: Final = Decimal(1)
_SAMPLE_NS: Final = MINUTE_NS
"""The venue's own samples are seconds apart; these are as far apart as is needed to see that they are samples."""

Query = Mapping[str, str]


class PublicCalls:
    """Answers what needs no key."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    async def time(self, query: Query) -> Any:
        """Answer `GET /system/time`."""
        return {"server_time": str(ms(self._floor.now_ns))}

    async def state(self, query: Query) -> Any:
        """Answer `GET /system/state`."""
        return {"status": self._floor.mode}

    async def config(self, query: Query) -> Any:
        """Answer `GET /system/config`."""
        return {
            "starknet_chain_id": CHAIN,
            "l1_chain_id": "11155111",
            "paraclear_decimals": 8,
            "paraclear_account_proxy_hash": hex(PROXY_HASH),
            "paraclear_account_hash": hex(ACCOUNT_HASH),
            "paraclear_address": "0x1",
            "oracle_address": "0x2",
            "starknet_gateway_url": "http://fake.test",
            "starknet_fullnode_rpc_url": "http://fake.test/rpc",
            "starknet_fullnode_rpc_base_url": "http://fake.test",
            "block_explorer_url": "http://fake.test",
            "bridged_tokens": [],
            "l1_core_contract_address": "0x0000000000000000000000000000000000000000",
            "l1_operator_address": "0x0000000000000000000000000000000000000000",
            "l1_relayer_address": "0x0000000000000000000000000000000000000000",
            "l2_relayer_address": "0x3",
            "liquidation_fee": "0.2",
            "environment": "fake",
            "universal_deployer_address": "0x4",
        }

    async def markets(self, query: Query) -> Any:
        """Answer `GET /markets`: futures, and an option on each of their assets."""
        wanted = query.get("market")
        listed = await self._floor.listing()
        rates = await self.rates()
        rows = [market(each, _period_ns(rates.get(each.symbol))) for each in listed.values()]
        rows += [option(each) for each in listed.values()]
        found = [row for row in rows if wanted in (None, row["symbol"])]
        if not found and wanted is not None:
            raise Refusal(404, "MARKET_NOT_FOUND", "market not found")
        return {"results": found}

    async def summaries(self, query: Query) -> Any:
        """Answer `GET /markets/summary`: options among the others."""
        wanted = query.get("market", "")
        if not wanted:
            raise Refusal(400, "INVALID_REQUEST_PARAMETER", "market is required")
        rows = await self.summary_rows(None if wanted == "ALL" else wanted)
        if wanted == "ALL":
            options = [option(each)["symbol"] for each in (await self._floor.listed()).values()]
            rows += [_option_summary(symbol, self._floor.now_ns) for symbol in options]
        return {"results": rows}

    async def summary_rows(self, wanted: str | None) -> list[dict[str, Any]]:
        """Return rows of futures; one that is asked for alone shows the top of its book too."""
        if wanted is not None:
            await self._floor.instrument(wanted)
        rates = await self.rates()
        rows = []
        for symbol, stats in (await self.stats()).items():
            if wanted in (None, symbol):
                top = {} if wanted is None else await self._top(symbol)
                rows.append(summary(symbol, stats, rates.get(symbol), top))
        return rows

    async def depth(self, query: Query, symbol: str) -> Any:
        """Answer `GET /orderbook/{market}`."""
        wanted = query.get("depth", "20")
        if not wanted.isdigit() or not 1 <= int(wanted) <= 100:
            raise Refusal(400, "INVALID_REQUEST_PARAMETER", "invalid depth")
        instrument, book = await self.book(symbol, int(wanted))
        bids, asks = levels(book.bids[: int(wanted)]), levels(book.asks[: int(wanted)])
        return {
            "market": instrument.symbol,
            "seq_no": self._floor.number_of(symbol, book),
            "last_updated_at": ms(book.ts_event_ns),
            "bids": bids,
            "asks": asks,
            "best_bid_api": bids[0] if bids else [],
            "best_ask_api": asks[0] if asks else [],
            "best_bid_interactive": bids[0] if bids else [],
            "best_ask_interactive": asks[0] if asks else [],
        }

    async def bbo(self, query: Query, symbol: str) -> Any:
        """Answer `GET /bbo/{market}`; an empty side is empty texts."""
        instrument, book = await self.book(symbol, 1)
        return {
            "market": instrument.symbol,
            "seq_no": self._floor.number_of(symbol, book),
            "last_updated_at": ms(book.ts_event_ns),
            **_tops(book),
        }

    async def funding_data(self, query: Query) -> Any:
        """Answer `GET /funding/data`: samples of the running rate, newest first."""
        instrument = await self._floor.instrument(query.get("market"))
        now_ns = self._floor.now_ns
        end_ns = min(int(query.get("end_at") or ms(now_ns)) * MILLISECOND_NS, now_ns)
        start_ns = int(query.get("start_at") or ms(end_ns - HOUR_NS)) * MILLISECOND_NS
        last_ns = end_ns // _SAMPLE_NS * _SAMPLE_NS
        times = range(last_ns, start_ns - 1, -_SAMPLE_NS)
        found = page(times, query, default=100)
        return {**found, "results": [await self.funding_row(instrument, ts_ns) for ts_ns in found["results"]]}

    async def funding_row(self, instrument: Instrument, ts_ns: int) -> dict[str, Any]:
        """Return one sample."""
        rate, index, period_ns = await self.accrued(instrument, ts_ns)
        price = await self._price(instrument.symbol)
        return {
            "market": instrument.symbol,
            "funding_rate": decimal(rate),
            "funding_rate_8h": decimal((rate * 8 * HOUR_NS / period_ns).quantize(Decimal("1e-8"))),
            "funding_period_hours": float(Decimal(period_ns) / HOUR_NS),
            "funding_index": decimal(index),
            "funding_premium": decimal(rate * price),
            "created_at": ms(ts_ns),
        }

    async def accrued(self, instrument: Instrument, ts_ns: int) -> tuple[Decimal, Decimal, int]:
        """Return the rate at a time, the index by then, and the period of the rate.

        The ground books what has accrued at whole periods; the index moves there.
        """
        period_ns = await self._accrues_ns(instrument.symbol)
        known: dict[int, tuple[Decimal, Decimal]] = self._floor.memory.setdefault("index", {}).setdefault(
            instrument.symbol, {}
        )
        price, slot = await self._price(instrument.symbol), ts_ns // period_ns * period_ns
        if slot not in known:
            first, last = (min(known), max(known)) if known else (slot, slot)
            # Only what is not known yet, and up to now, so that who goes on asking does not ask each time anew.
            begin, end = (slot, first) if slot <= first else (last, max(slot, self._floor.now_ns))
            told = await self._floor.exchange.market.fetch_funding_history(instrument.id, begin, end + 1)
            settled = {rate.ts_event_ns: rate.raw for rate in told}
            known.setdefault(first, (settled.get(first, ZERO), ZERO))
            for at in range(first - period_ns, begin - 1, -period_ns):
                known[at] = settled.get(at, ZERO), known[at + period_ns][1] - known[at + period_ns][0] * price
            for at in range(last + period_ns, end + 1, period_ns):
                rate = settled.get(at, ZERO)
                known[at] = rate, known[at - period_ns][1] + rate * price
        return (*known[slot], period_ns)

    async def trades(self, query: Query) -> Any:
        """Answer `GET /trades`: the ground keeps none."""
        await self._floor.instrument(query.get("market"))
        return {"results": [], "next": None, "prev": None}

    async def klines(self, query: Query) -> Any:
        """Answer `GET /markets/klines`: the ground keeps none."""
        await self._floor.instrument(query.get("symbol"))
        return {"results": []}

    async def book(self, symbol: str, depth: int) -> tuple[Instrument, OrderBook]:
        """Return a book of the ground."""
        instrument = await self._floor.instrument(symbol)
        return instrument, await self._floor.exchange.market.fetch_order_book(instrument.id, depth)

    async def stats(self) -> dict[str, MarketStats]:
        """Return prices and activity by symbol."""
        by_id = {each.id: symbol for symbol, each in (await self._floor.listed()).items()}
        return {by_id[row.instrument]: row for row in await self._floor.exchange.market.fetch_stats()}

    async def rates(self) -> dict[str, FundingRate]:
        """Return running rates by symbol."""
        by_id = {each.id: symbol for symbol, each in (await self._floor.listed()).items()}
        return {by_id[rate.instrument]: rate for rate in await self._floor.exchange.market.fetch_funding_rates()}

    async def _accrues_ns(self, symbol: str) -> int:
        """Return the period of a market's rate, as it was seen first."""
        known: dict[str, int] = self._floor.memory.setdefault("periods", {})
        if symbol not in known:
            known[symbol] = _period_ns((await self.rates()).get(symbol))
        return known[symbol]

    async def _price(self, symbol: str) -> Decimal:
        """Return the price by which this venue turns rates into premiums: always the first that it saw."""
        known: dict[str, Decimal] = self._floor.memory.setdefault("prices", {})
        if symbol not in known:
            stats = (await self.stats()).get(symbol)
            known[symbol] = (stats.index_price if stats is not None else None) or _ONE
        return known[symbol]

    async def _top(self, symbol: str) -> dict[str, str]:
        _, book = await self.book(symbol, 1)
        return _tops(book)


def _tops(book: OrderBook) -> dict[str, str]:
    found = {}
    for name, side in (("bid", book.bids), ("ask", book.asks)):
        found[name] = decimal(side[0].price) if side else ""
        found[f"{name}_size"] = decimal(side[0].size) if side else ""
    return found


def _period_ns(rate: FundingRate | None) -> int:
    return 8 * HOUR_NS if rate is None else rate.unit.period_ns


def _option_summary(symbol: str, now_ns: int) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "mark_price": "10835.66892602",
        "underlying_price": "103164.79162649",
        "funding_rate": "0.000004464241170536191",
        "open_interest": "0",
        "volume_24h": "0",
        "mark_iv": "0.71781855",
        "created_at": ms(now_ns),
    }

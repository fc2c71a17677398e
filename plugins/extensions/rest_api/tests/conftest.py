"""The API over a real socket, with a run that the test fills in."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from queue import Queue
from types import MappingProxyType
from typing import Any, Final, TypeVar

import aiohttp
import pytest

from arb.api import Capability, ExchangeState
from arb.model import (
    BPS,
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    ExchangeName,
    Fresh,
    FundingKind,
    FundingRate,
    Hedge,
    HedgeCost,
    HedgeId,
    HedgeStatus,
    InstrumentId,
    Leg,
    MarginMode,
    MarketStats,
    Opportunity,
    Position,
    PositionSide,
    RateUnit,
    SkippedPair,
    Stale,
    Unknown,
    instrument_id,
)
from arb.testing import START_NS, FakeContext, FakeFundingService, sample_instrument, settle
from arb_extension_rest_api._extension import open_rest_api
from arb_extension_rest_api._settings import RestApiSettings

T = TypeVar("T")

TOKEN: Final = "a token of enough characters"
EXCHANGES: Final = ("lighter", "backpack", "empty")
HOURLY: Final = instrument_id("BTC-PERP", "lighter")
EIGHT_HOURLY: Final = instrument_id("BTC-PERP", "backpack")


def rate(
    instrument: InstrumentId, raw: str, interval_ns: int, *, kind: FundingKind = FundingKind.PREDICTED, ts_ns: int
) -> FundingRate:
    predicted = kind is FundingKind.PREDICTED
    return FundingRate(
        instrument=instrument,
        raw=Decimal(raw),
        unit=RateUnit(factor=Decimal(1), period_ns=interval_ns),
        interval_ns=interval_ns,
        kind=kind,
        ts_event_ns=ts_ns,
        ts_init_ns=ts_ns,
        next_funding_ns=ts_ns + interval_ns if predicted else None,
    )


def stats(instrument: InstrumentId, volume: str | None, open_interest: str | None) -> MarketStats:
    return MarketStats(
        instrument=instrument,
        mark_price=Decimal("90000.5"),
        index_price=None,
        volume_24h=None if volume is None else Decimal(volume),
        open_interest=None if open_interest is None else Decimal(open_interest),
        ts_event_ns=START_NS,
        ts_init_ns=START_NS,
    )


def opportunity(long: InstrumentId, short: InstrumentId, score: str) -> Opportunity:
    return Opportunity(
        base="BTC",
        long=long,
        short=short,
        long_quantity=Decimal("0.01"),
        short_quantity=Decimal("0.01"),
        notional_usd=Decimal(900),
        long_rate_hour=Decimal("0.00001"),
        short_rate_hour=Decimal("0.00003"),
        carry_bps_hour=Decimal("0.2"),
        capture_bps=Decimal("30"),
        cost=HedgeCost(fees_bps=Decimal(10), spread_bps=Decimal(2), impact_bps=Decimal(1)),
        break_even_hours=Decimal(65),
        basis_bps=Decimal("1.5"),
        net_usd=Decimal("1.53"),
        capital_usd=Decimal(750),
        score=Decimal(score),
    )


def state(name: str, instruments: int, **changes: Any) -> ExchangeState:
    values: dict[str, Any] = {
        "capabilities": frozenset({Capability.PREDICTED_FUNDING, Capability.TRADING}),
        "has_account": True,
        "collected_ns": START_NS,
        "failures": (),
        "quarantine": "",
    }
    return ExchangeState(name=ExchangeName(name), instruments=instruments, **{**values, **changes})


def position(instrument: InstrumentId, quantity: str) -> Position:
    return Position(
        instrument=instrument,
        quantity=Decimal(quantity),
        entry_price=Decimal(90_000),
        mark_price=Decimal("NaN"),
        unrealized_pnl=Decimal("-1.25"),
        liquidation_price=None,
        leverage=Decimal(3),
        margin_mode=MarginMode.CROSS,
        ts_event_ns=START_NS,
    )


def hedge() -> Hedge:
    legs = tuple(
        Leg(
            instrument=name,
            side=side,
            target_quantity=Decimal("0.01"),
            multiplier=Decimal(1),
            entry_quantity=Decimal("0.01"),
            entry_price=Decimal(90_000),
        )
        for name, side in ((HOURLY, PositionSide.LONG), (EIGHT_HOURLY, PositionSide.SHORT))
    )
    return Hedge(
        id=HedgeId("h1"),
        strategy="carry",
        base="BTC",
        legs=legs,
        status=HedgeStatus.OPEN,
        created_ns=START_NS,
        max_slippage_bps=Decimal(20),
        entry_reason="it paid",
    )


def filled_service() -> FakeFundingService:
    """Return a run of two exchanges with three assets, and one exchange that lists nothing."""
    eth = instrument_id("ETH-PERP", "lighter")
    twins = [instrument_id(name, "backpack") for name in ("SOL-PERP", "SOLUSDT-PERP")]
    listed = [
        sample_instrument("lighter"),
        sample_instrument("backpack"),
        sample_instrument("lighter", "ETH"),
        sample_instrument("lighter", "SOL"),
        sample_instrument("lighter", "GOLD", asset_class="commodity"),
        sample_instrument("backpack", "GOLD"),
        *(sample_instrument("backpack", "SOL", id=each) for each in twins),
    ]
    now_ns = START_NS + 10 * DAY_NS
    return FakeFundingService(
        now_ns=now_ns,
        started_ns=START_NS,
        instruments={each.id: each for each in listed},
        states=[state("lighter", 4), state("backpack", 4), state("empty", 0)],
        rates={
            HOURLY: Fresh(rate(HOURLY, "0.0000125", HOUR_NS, ts_ns=now_ns), "lighter", now_ns),
            EIGHT_HOURLY: Fresh(rate(EIGHT_HOURLY, "-0.0004", 8 * HOUR_NS, ts_ns=now_ns), "backpack", now_ns),
            eth: Stale(rate(eth, "0.00005", HOUR_NS, ts_ns=now_ns - HOUR_NS), "lighter", now_ns - HOUR_NS),
        },
        statistics={
            HOURLY: Fresh(stats(HOURLY, "1000000", "500"), "lighter", now_ns),
            EIGHT_HOURLY: Fresh(stats(EIGHT_HOURLY, "NaN", None), "backpack", now_ns),
        },
        stored=[
            rate(HOURLY, f"0.00000{hour % 9 + 1}", HOUR_NS, kind=FundingKind.SETTLED, ts_ns=START_NS + hour * HOUR_NS)
            for hour in range(240)
        ],
        found=[opportunity(EIGHT_HOURLY, HOURLY, score) for score in ("0.3", "0.2", "0.1")],
        skipped=[
            SkippedPair(
                long=twins[0],
                short=instrument_id("SOL-PERP", "lighter"),
                reason="carry_not_positive",
                value=Decimal("-1E-7") / BPS,
                limit=Decimal(0),
            ),
            SkippedPair(long=twins[1], short=instrument_id("SOL-PERP", "lighter"), reason="funding_unknown"),
        ],
        accounts={
            ExchangeName("lighter"): Fresh((position(HOURLY, "0.01"),), "lighter", now_ns - MINUTE_NS),
            ExchangeName("backpack"): Unknown("the account of backpack has not been read yet"),
        },
        live_hedges=[hedge()],
    )


@dataclass
class Api:
    """A served API.

    Attributes:
        url: `http://127.0.0.1:PORT/api/v1`.
    """

    url: str
    service: FakeFundingService
    session: aiohttp.ClientSession

    @property
    def port(self) -> int:
        """Return the port, for what no client would send."""
        return int(self.url.removesuffix("/api/v1").rpartition(":")[2])

    async def get(
        self, path: str, *, status: int = 200, headers: Mapping[str, str] = MappingProxyType({}), **query: str
    ) -> Any:
        """Return what is answered, which has to have this status and the type that belongs to it."""
        async with self.session.get(f"{self.url}{path}", params=query, headers=headers) as response:
            body = await response.read()
            assert response.status == status, body
            expected = "application/json" if status == 200 else "application/problem+json"
            assert response.content_type == expected
            return json.loads(body)

    async def problem(self, path: str, *, status: int, code: str, **options: Any) -> Any:
        """Return the problem that is answered, which has to be this one."""
        found = await self.get(path, status=status, **options)
        assert found["type"] == f"urn:arb:problem:{code}", found
        assert found["status"] == status
        return found


Case = Callable[[Api], Awaitable[T]]


@asynccontextmanager
async def served(service: FakeFundingService, settings: Mapping[str, Any]) -> AsyncIterator[Api]:
    """Serve until the block ends."""
    valid = RestApiSettings.model_validate({"port": 0, **settings})
    async with open_rest_api(valid, FakeContext("api")) as extension:
        running = asyncio.create_task(extension.run(service))
        await settle()  # it has begun to listen
        try:
            async with aiohttp.ClientSession() as session:
                yield Api(extension.addresses[0], service, session)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


@pytest.fixture
def service() -> FakeFundingService:
    return filled_service()


@pytest.fixture
def serve(service: FakeFundingService, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that runs a case against a served API and returns what it returns."""
    monkeypatch.setenv("ARB_TEST_TOKEN", TOKEN)

    def run(case: Case[T], **settings: Any) -> T:
        async def main() -> T:
            async with served(service, {"token": "env:ARB_TEST_TOKEN", **settings}) as api:
                return await case(api)

        return asyncio.run(main())

    return run


@pytest.fixture(scope="session")
def token() -> str:
    return TOKEN


@pytest.fixture(scope="module")
def url(token: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve from a thread, for a client that blocks; return the URL of the API."""
    ready: Queue[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    file = tmp_path_factory.mktemp("secrets") / "token"
    file.write_text(token, encoding="utf-8")

    async def main() -> None:
        stop = asyncio.Event()
        async with served(filled_service(), {"token": f"file:{file}"}) as api:
            ready.put((api.url, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    address, loop, stop = ready.get(timeout=10)
    yield address
    loop.call_soon_threadsafe(stop.set)
    thread.join(timeout=10)

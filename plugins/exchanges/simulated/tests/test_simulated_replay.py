from __future__ import annotations

import os
from pathlib import Path

import pytest

from arb.api import ConfigError
from arb.model import HOUR_NS, FundingKind, OrderRequest, OrderStatus, Side, parse_utc
from arb.model import ClientOrderId as Id
from arb.simulation import VirtualClock, run_virtual
from arb.testing import FakeContext
from arb_exchange_simulated._open import open_exchange
from arb_exchange_simulated._settings import SimulatedSettings

ROOT = Path(__file__).parents[4]
DATA = Path(os.environ.get("ARB_REAL_DATA", ROOT.parent / "shared" / "data"))


@pytest.mark.realdata
@pytest.mark.skipif(
    not (DATA / "funding").is_dir(), reason=f"recorded funding is not there: {DATA / 'funding'} (set ARB_REAL_DATA)"
)
def test_a_replayed_venue_trades_and_pays_the_recorded_funding() -> None:
    pytest.importorskip("pyarrow", reason="Parquet files need arb-exchange-simulated[replay]")
    settings = SimulatedSettings.model_validate(
        {
            "market": "funding_replay",
            "deposit": 10_000,
            "replay": {
                "root": str(DATA),
                "venue": "binance",
                "assets": ["BTC"],
                "start": "2026-02-01T00:00:00Z",
                "end": "2026-02-03T00:00:00Z",
            },
        }
    )
    start_ns = parse_utc("2026-02-01T01:00:00Z")

    async def main() -> None:
        clock = VirtualClock.of_running_loop()
        async with open_exchange(settings, FakeContext("bn", clock=clock)) as exchange:
            (listed,) = await exchange.market.fetch_instruments()
            bbo = await exchange.market.fetch_bbo(listed.id)
            price = listed.limit_price(Side.SELL, bbo.bid * 99 / 100)
            quantity = listed.floor_quantity(1000 / bbo.bid)
            request = OrderRequest(
                client_order_id=Id("a"), instrument=listed.id, side=Side.SELL, quantity=quantity, price=price
            )
            report = await exchange.trading.send_order(await exchange.trading.prepare_order(request))
            assert report.status is OrderStatus.FILLED
            await clock.sleep_until(start_ns + 24 * HOUR_NS)
            payments = await exchange.trading.fetch_funding_payments(start_ns)
            rates = await exchange.market.fetch_funding_history(listed.id, start_ns, start_ns + 24 * HOUR_NS)
            assert {rate.kind for rate in rates} == {FundingKind.SETTLED}
            assert [payment.rate for payment in payments] == [rate.rate for rate in rates]
            assert [payment.settled_ns for payment in payments] == [
                parse_utc(f"2026-02-0{moment}:00:00Z") for moment in ("1T08", "1T16", "2T00")
            ]

    run_virtual(main(), start_ns=start_ns)


def test_recorded_data_that_are_absent_are_named() -> None:
    settings = SimulatedSettings.model_validate(
        {"market": "funding_replay", "replay": {"root": "nowhere", "venue": "binance", "assets": ["BTC"]}}
    )

    async def main() -> None:
        async with open_exchange(settings, FakeContext("bn", clock=VirtualClock.of_running_loop())):
            raise AssertionError("it opened")

    with pytest.raises(ConfigError, match="nowhere"):
        run_virtual(main(), start_ns=0)

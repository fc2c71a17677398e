"""Leverage is signed and read back, and the dead man's switch counts whole seconds."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
from plugins.exchanges.grvt.tests.conftest import answering, bodies, error

from arb.api import BadResponse, Rejected
from arb.model import MINUTE_NS, SECOND_NS, MarginMode
from arb.testing import Bench, BenchDesk


def test_leverage_is_signed_and_read_back(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        name = desk.instrument.id
        await desk.trading.set_leverage(name, D(7), MarginMode.ISOLATED)
        (sent,) = bodies(desk, "/set_position_config")
        assert (sent["margin_type"], sent["leverage"], sent["instrument"]) == ("ISOLATED", "7", "BTC_USDT_Perp")
        assert await desk.trading.fetch_leverage(name) == (D(7), MarginMode.ISOLATED)
        await desk.trading.set_leverage(name, D(7), MarginMode.ISOLATED)
        assert len(desk.wire.sent("POST", "/set_position_config")) == 1  # it is set already
        await desk.trading.set_leverage(name, D(5), MarginMode.CROSS)
        await desk.send(await desk.request())
        with pytest.raises(Rejected, match="2102"):
            await desk.trading.set_leverage(name, D(5), MarginMode.ISOLATED)
        desk.wire.answer = answering("/set_position_config", 200, {"ack": True})
        with pytest.raises(BadResponse, match="reads 5"):
            await desk.trading.set_leverage(name, D(6), MarginMode.CROSS)

    bench(body)


def test_a_setting_whose_time_was_refused_is_signed_again(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = answering("/set_position_config", 403, error(2001, 403), times=1)
        times = len(desk.wire.sent("GET", "/time"))
        await desk.trading.set_leverage(desk.instrument.id, D(7), MarginMode.CROSS)
        assert len(desk.wire.sent("POST", "/set_position_config")) == 2
        assert len(desk.wire.sent("GET", "/time")) == times + 1
        first, second = bodies(desk, "/set_position_config")
        assert first["signature"]["nonce"] != second["signature"]["nonce"]

    bench(body)


def test_the_dead_mans_switch_counts_whole_seconds(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        for asked_ns, told in (
            (90 * SECOND_NS, "90000"),
            (SECOND_NS // 2, "2000"),  # what rounds to none would switch it off
            (90 * SECOND_NS + 1, "91000"),
            (20 * MINUTE_NS, "300000"),
            (0, "0"),
        ):
            await desk.trading.arm_dead_mans_switch(asked_ns)
            assert bodies(desk, "/cancel_on_disconnect")[-1]["countdown_time"] == told
            await desk.sleep(SECOND_NS)
        with pytest.raises(Rejected):
            await desk.trading.arm_dead_mans_switch(-1)

    bench(body)

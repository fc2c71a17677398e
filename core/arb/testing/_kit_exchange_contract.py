"""Exchange kit: what opens, and what it promises."""

from __future__ import annotations

from arb.api import Capability, Exchange, ExchangeSpec
from arb.model import HOUR_NS

from ._kit_desk import Desk
from ._kit_exchange_base import STREAMS, ExchangeCases, Use


class ContractCases(ExchangeCases):
    """What opens, and what it promises."""

    group = "contract"

    def test_x005_what_opens_keeps_what_the_spec_declares(self, spec: ExchangeSpec, use: Use) -> None:
        """Capabilities are among the declared ones, and the sides they promise are there."""

        async def body(desk: Desk) -> None:
            exchange = desk.exchange
            assert isinstance(exchange, Exchange)
            assert exchange.name == desk.context.name, "an exchange has its name from the configuration"
            assert exchange.capabilities <= spec.capabilities, "more than the spec declares"
            assert (Capability.TRADING in exchange.capabilities) == (exchange.trading is not None)
            assert bool(STREAMS & exchange.capabilities) <= (exchange.streams is not None)

        use(body)

    def test_x009_traits_are_sane(self, use: Use) -> None:
        """No wait is negative or takes an hour: another unit, such as milliseconds, would show."""

        async def body(desk: Desk) -> None:
            traits = desk.exchange.traits
            for wait_ns in (traits.read_after_write_ns, traits.order_validity_ns):
                assert 0 <= wait_ns < HOUR_NS, f"{traits}: a wait of {wait_ns} ns"
            assert traits.client_order_id_length > 0
            assert traits.history_ns >= 0

        use(body)

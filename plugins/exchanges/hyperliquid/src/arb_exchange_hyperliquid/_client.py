"""The venue's two addresses: `/info` for reads, `/exchange` for signed actions; both paced by its weights.

Weights are those of its documentation ("Rate limits"): 1200 a minute for one internet address.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from arb.api import BadResponse, Context, ExchangeError, HttpResponse, RateLimited
from arb.model import MILLISECOND_NS, MINUTE_NS, SECOND_NS
from arb.net import RateBudget, RateLimit, Rest, RestCall, ServerTime, reading, whole

from ._errors import refused
from ._settings import HyperliquidSettings

API_URLS: Final = MappingProxyType(
    {"mainnet": "https://api.hyperliquid.xyz", "testnet": "https://api.hyperliquid-testnet.xyz"}
)
ADDRESS_LIMIT: Final = RateLimit(weight=1200, per_ns=MINUTE_NS)
_HEADERS: Final[Mapping[str, str]] = MappingProxyType({"Content-Type": "application/json"})
_LIGHT: Final = frozenset(
    {"l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState", "exchangeStatus"}
)
_ROWS_PER_WEIGHT: Final = MappingProxyType(
    {"userFillsByTime": 20, "fundingHistory": 20, "userFunding": 20, "historicalOrders": 20}
)
_BATCH: Final = 40
"""Orders and cancels of one action that weigh one more."""

_SAMPLE_NS: Final = 2 * MINUTE_NS
"""How often the venue's clock is read."""


def info_weight(kind: str) -> int:
    """Return what a read weighs before its rows are counted."""
    if kind in _LIGHT:
        return 2
    return 60 if kind == "userRole" else 20


class Client:
    """Sends reads and actions.

    Attributes:
        name: The exchange's, for errors.
        url: Scheme and host.
        venue_time: What the venue's clock says.
    """

    def __init__(self, settings: HyperliquidSettings, context: Context) -> None:
        self.name = context.name
        self.url = settings.api_url or API_URLS[settings.network]
        self.venue_time = ServerTime(context.clock)
        self._clock = context.clock
        self._sampled_ns: int | None = None
        self._budget = context.shared(
            RateBudget,
            f"hyperliquid:{urlsplit(self.url).netloc}:rest",
            lambda: RateBudget(context.clock, [ADDRESS_LIMIT]),
        )
        self._rest = Rest(context, self.url, self._budget, refusal=self._no_such_coin)
        # Actions are paced by the budget above before they are signed: this one only keeps the venue's pauses.
        unpaced = RateBudget(context.clock, [RateLimit(weight=1_000_000, per_ns=SECOND_NS)], reserve=Decimal(0))
        self._actions = Rest(context, self.url, unpaced)

    @property
    def now_ms(self) -> int:
        """Return the venue's time now."""
        return self.venue_time.now_ns() // MILLISECOND_NS

    async def info(self, kind: str, *, urgent: bool = False, **fields: Any) -> Any:
        """Ask for something.

        Args:
            kind: The `type` of the request.
            urgent: It is part of what reduces risk.
            fields: The others; what is None is left out.
        """
        is_old = self._sampled_ns is None or self._clock.now_ns() - self._sampled_ns >= _SAMPLE_NS
        if is_old and not urgent:
            with suppress(ExchangeError):  # an old sample is still a good one
                await self.synchronise()
        return await self._info(kind, fields, urgent=urgent)

    async def synchronise(self) -> None:
        """Read the venue's clock; raises what a read raises."""
        self._sampled_ns = sent_ns = self._clock.now_ns()
        answer = await self._info("exchangeStatus", {})
        with reading(self.name, "the venue's time"):
            server_ns = whole(answer["time"]) * MILLISECOND_NS
            self.venue_time.add(server_ns, sent_ns=sent_ns, received_ns=self._clock.now_ns())

    async def act(self, make: Callable[[], Awaitable[bytes]], *, count: int = 1, urgent: bool = True) -> Any:
        """Send a signed action and return the venue's `response`.

        Args:
            make: Returns the signed bytes, or raises where they have become void. It is called when there is room in
                the budget: what is signed before it waits may have expired when it leaves.
            count: Orders or cancels in it.
            urgent: It reduces risk.

        Raises:
            NotSent, Rejected: certain.
            OutcomeUnknown, BadResponse: the venue may have acted.
        """
        weight = 1 + count // _BATCH
        await self._budget.spend(weight, urgent=urgent)
        answer = await self._sent(await make(), urgent=urgent)
        with reading(self.name, "the answer to an action"):
            status, response = answer["status"], answer["response"]
        if status == "ok" and isinstance(response, Mapping):
            return response
        raise refused(response, self.name)

    async def _sent(self, body: bytes, *, urgent: bool) -> Any:
        try:
            return await self._actions.call(self._call("/exchange", body, weight=1, writes=True, urgent=urgent))
        except RateLimited as error:
            if error.retry_after_ns is not None:
                self._budget.pause(self._clock.now_ns() + error.retry_after_ns)
            raise

    async def _info(self, kind: str, fields: Mapping[str, Any], *, urgent: bool = False) -> Any:
        asked = {"type": kind, **{name: value for name, value in fields.items() if value is not None}}
        body = json.dumps(asked).encode()
        answer = await self._rest.call(self._call("/info", body, weight=info_weight(kind), urgent=urgent))
        per_weight = _ROWS_PER_WEIGHT.get(kind)
        if per_weight and isinstance(answer, list) and len(answer) >= per_weight:
            # How many rows there are is known now only; the venue has counted them already.
            self._budget.charge(len(answer) // per_weight)
        return answer

    def _call(self, path: str, body: bytes, *, weight: int, writes: bool = False, urgent: bool = False) -> RestCall:
        return RestCall(
            method="POST", target=path, body=body, headers=_HEADERS, writes=writes, weight=weight, urgent=urgent
        )

    def _no_such_coin(self, response: HttpResponse) -> ExchangeError | None:
        """Read HTTP 500 with `null`: the venue's answer to a coin or dex that it does not know."""
        if response.status == 500 and response.body.strip() == b"null":
            return BadResponse("the venue does not know what was asked for", exchange=self.name, code="unknown_coin")
        return None

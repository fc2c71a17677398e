"""An exchange plugin whose venue is another process, and a strategy that never rests.

`recovery.py` copies this file as the module of a distribution, so it stands alone and imports no more
than a plugin would.
"""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from arb.api import (
    Capability,
    Context,
    Duration,
    ExchangeSpec,
    ExchangeTraits,
    HttpRequest,
    HttpTransport,
    PreparedOrder,
    Settings,
    StrategySpec,
    StrategyView,
    hookimpl,
)
from arb.model import (
    CloseHedge,
    ExchangeName,
    HedgePlan,
    HedgeStatus,
    Intent,
    LegPlan,
    OpenHedge,
    OrderRequest,
    PositionSide,
    instrument_id,
)

PLUGIN_API = 1
CAPABILITIES = frozenset(
    {
        Capability.TRADING,
        Capability.PREDICTED_FUNDING,
        Capability.FUNDING_HISTORY,
        Capability.FUNDING_PAYMENTS,
        Capability.SET_LEVERAGE,
    }
)


class Remote:
    """The methods of an exchange in another process; each is one HTTP request."""

    def __init__(self, http: HttpTransport, url: str) -> None:
        self.http = http
        self.url = url
        self.calls = 0

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name.startswith("_"):
            raise AttributeError(name)

        async def call(*arguments: object) -> Any:
            self.calls += 1
            request = HttpRequest(method="POST", url=f"{self.url}/call", body=pickle.dumps((name, arguments)))
            answer = pickle.loads((await self.http.send(request)).body)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Take the order as it is: signing and rounding are local."""
        return PreparedOrder(request=request, payload=None)


@dataclass(frozen=True, kw_only=True)
class RemoteExchange:
    """Implements `arb.api.Exchange`."""

    name: ExchangeName
    market: Any
    trading: Any
    capabilities: frozenset[Capability] = CAPABILITIES
    traits: ExchangeTraits = field(default_factory=lambda: ExchangeTraits(read_after_write_ns=0))
    streams: None = None


class VenueSettings(Settings):
    """Where the venue is, and how late it may be."""

    url: str
    order_validity: Duration
    read_after_write: Duration


@asynccontextmanager
async def open_venue(settings: VenueSettings, context: Context) -> AsyncIterator[RemoteExchange]:
    """Open the venue."""
    remote = Remote(context.http, settings.url)
    traits = ExchangeTraits(read_after_write_ns=settings.read_after_write, order_validity_ns=settings.order_validity)
    yield RemoteExchange(name=ExchangeName(context.name), market=remote, trading=remote, traits=traits)


class ChurnSettings(Settings):
    """What is opened and closed for ever."""

    base: str
    venues: tuple[str, str]
    cycle: Duration


class Churn:
    """Closes its hedge on one asset, or opens it again: there is nearly always an order on its way."""

    def __init__(self, settings: ChurnSettings) -> None:
        self._settings = settings

    @property
    def cycle_ns(self) -> int:
        """Return the time between two decisions."""
        return self._settings.cycle

    async def decide(self, view: StrategyView) -> Sequence[Intent]:
        """Close what is open on the asset, else open it."""
        base, bound = self._settings.base, Decimal(20)
        own = [hedge for hedge in view.hedges if hedge.base == base]
        if own:
            return [
                CloseHedge(hedge_id=hedge.id, max_slippage_bps=bound, reason="churn")
                for hedge in own
                if hedge.status is HedgeStatus.OPEN
            ]
        legs = tuple(
            LegPlan(instrument=instrument_id(f"{base}-PERP", venue), side=side, quantity=Decimal("0.1"))
            for venue, side in zip(self._settings.venues, PositionSide, strict=True)
        )
        return [OpenHedge(plan=HedgePlan(base=base, legs=legs, max_slippage_bps=bound, reason="churn"))]


@asynccontextmanager
async def open_churn(settings: ChurnSettings, context: Context) -> AsyncIterator[Churn]:
    """Open the strategy."""
    yield Churn(settings)


@hookimpl
def arb_exchanges() -> Iterable[ExchangeSpec]:
    """Return the venue."""
    return [ExchangeSpec(name="bench_venue", settings=VenueSettings, open=open_venue, capabilities=CAPABILITIES)]


@hookimpl
def arb_strategies() -> Iterable[StrategySpec]:
    """Return the strategy."""
    return [StrategySpec(name="bench_churn", settings=ChurnSettings, open=open_churn)]

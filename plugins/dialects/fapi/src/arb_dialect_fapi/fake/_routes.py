"""Which call answers at which endpoint of a fake venue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from arb_dialect_fapi._dialect import Endpoint, Endpoints

from ._account import AccountCalls
from ._countdown import Countdowns
from ._forms import Query
from ._history import HistoryCalls
from ._orders import OrderCalls
from ._public import PublicCalls

Call = Callable[[Query], Awaitable[object]]


def public_routes(endpoints: Endpoints, calls: PublicCalls) -> dict[str, Call]:
    """Return the calls without a key, by path."""
    routes: dict[str, Call] = {
        endpoints.time.path: calls.time,
        endpoints.exchange_info.path: calls.exchange_info,
        endpoints.depth.path: calls.depth,
        endpoints.premium_index.path: calls.premium_index,
        endpoints.ticker_24h.path: calls.ticker_24h,
        endpoints.funding_info.path: calls.funding_info,
        endpoints.funding_rate.path: calls.funding_rate,
        _beside(endpoints.time, "ping"): calls.ping,
        _beside(endpoints.time, "ticker/bookTicker"): calls.book_ticker,
        _beside(endpoints.time, "klines"): calls.nothing,
        _beside(endpoints.time, "trades"): calls.nothing,
        _beside(endpoints.time, "aggTrades"): calls.nothing,
    }
    if endpoints.open_interest is not None:
        routes[endpoints.open_interest.path] = calls.open_interest
    if endpoints.asset_index is not None:
        routes[endpoints.asset_index.path] = calls.asset_index
    return routes


def signed_routes(
    endpoints: Endpoints,
    account: AccountCalls,
    orders: OrderCalls,
    history: HistoryCalls,
    countdowns: Countdowns,
) -> dict[tuple[str, str], Call]:
    """Return the signed calls, by method and path."""
    place = endpoints.place.path
    routes: dict[tuple[str, str], Call] = {
        ("POST", place): orders.place,
        ("POST", f"{place}/test"): orders.test,
        ("GET", endpoints.order.path): orders.query,
        ("DELETE", endpoints.cancel.path): orders.cancel,
        ("DELETE", endpoints.cancel_all.path): orders.cancel_all,
        ("GET", endpoints.open_orders.path): orders.all_resting,
        ("GET", _beside(endpoints.open_orders, "openOrder")): orders.resting,
        ("GET", endpoints.all_orders.path): orders.all_orders,
        ("POST", endpoints.countdown.path): countdowns.start,
        ("GET", endpoints.account.path): account.account,
        ("GET", _beside(endpoints.account, "balance")): account.balance,
        ("POST", endpoints.leverage.path): account.set_leverage,
        ("POST", endpoints.margin_type.path): account.set_margin_type,
        ("GET", endpoints.position_mode.path): account.position_mode,
        ("POST", endpoints.position_mode.path): account.set_position_mode,
        ("GET", endpoints.multi_assets.path): account.multi_assets,
        ("POST", endpoints.multi_assets.path): account.set_multi_assets,
        ("GET", endpoints.user_trades.path): history.trades,
        ("GET", endpoints.income.path): history.income,
        ("GET", endpoints.commission_rate.path): account.commission_rate,
        ("GET", endpoints.brackets.path): account.brackets,
    }
    if endpoints.settings.path != endpoints.positions.path:
        routes["GET", endpoints.settings.path] = account.settings
    routes["GET", endpoints.positions.path] = account.positions
    return routes


def _beside(endpoint: Endpoint, name: str) -> str:
    """Return a path under the same prefix and version as an endpoint's."""
    return "/".join([*endpoint.path.split("/")[:3], name])

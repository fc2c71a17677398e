"""The third pass: one pair at the prices of both books."""

from __future__ import annotations

from decimal import Decimal

from arb.model import (
    BPS,
    Bbo,
    HedgeCost,
    Opportunity,
    OpportunityFilter,
    OrderBook,
    PositionSide,
    SkippedPair,
)

from ._candidate import Candidate
from ._capture import capture_capacity
from ._cost import LegMarket, round_trip_cost
from ._economics import basis_bps, break_even_hours, capital_usd, margin_usd, return_on_capital, score
from ._reasons import SkipReason
from ._settings import FinderSettings
from ._sizing import PairSize, meets_minimums, pair_size, within_maximum


def evaluate(
    candidate: Candidate,
    long_book: OrderBook,
    short_book: OrderBook,
    wanted: OpportunityFilter,
    settings: FinderSettings,
) -> Opportunity | SkippedPair:
    """Return the opportunity at executable prices, or the pair with the first reason against it."""
    long_bbo, short_bbo = long_book.bbo(), short_book.bbo()
    if long_bbo is None or short_bbo is None or not (_is_market(long_bbo) and _is_market(short_bbo)):
        return candidate.skip(SkipReason.BOOK_UNAVAILABLE)
    long_price = long_bbo.mid_price / candidate.long.multiplier * candidate.long_usd
    short_price = short_bbo.mid_price / candidate.short.multiplier * candidate.short_usd
    basis = basis_bps(long_price, short_price)
    if abs(basis) > wanted.max_basis_bps:
        return candidate.skip(SkipReason.BASIS_TOO_WIDE, basis, wanted.max_basis_bps)
    target = wanted.notional_usd / max(long_price, short_price)
    size = _size(candidate, target, long_bbo.mid_price, short_bbo.mid_price, settings)
    if isinstance(size, SkippedPair):
        return size
    cost = round_trip_cost(
        LegMarket(
            book=long_book,
            entry_fee=settings.fees.entry(candidate.long),
            exit_fee=settings.fees.exit(candidate.long),
            side=PositionSide.LONG,
            quantity=size.long_quantity,
        ),
        LegMarket(
            book=short_book,
            entry_fee=settings.fees.entry(candidate.short),
            exit_fee=settings.fees.exit(candidate.short),
            side=PositionSide.SHORT,
            quantity=size.short_quantity,
        ),
    )
    if cost is None:
        return candidate.skip(SkipReason.DEPTH_TOO_THIN, size.base)
    refused = _gate(candidate, cost, wanted)
    if refused is not None:
        return refused
    notional = size.base * (long_price + short_price) / 2
    capital = capital_usd(
        margin_usd(candidate.long, size.long_quantity * long_bbo.mid_price, candidate.long_usd, settings.max_leverage),
        margin_usd(
            candidate.short, size.short_quantity * short_bbo.mid_price, candidate.short_usd, settings.max_leverage
        ),
        settings.margin_buffer,
    )
    net = (candidate.capture_bps - cost.total_bps) * BPS * notional
    refused = _hurdle(candidate, net, capital, wanted) or _persistence(candidate, cost, wanted)
    if refused is not None:
        return refused
    return Opportunity(
        base=candidate.long.base,
        long=candidate.long.id,
        short=candidate.short.id,
        long_quantity=size.long_quantity,
        short_quantity=size.short_quantity,
        notional_usd=notional,
        long_rate_hour=candidate.long_rate_hour,
        short_rate_hour=candidate.short_rate_hour,
        carry_bps_hour=candidate.carry_bps_hour,
        capture_bps=candidate.capture_bps,
        cost=cost,
        break_even_hours=_break_even(candidate, cost.total_bps),
        basis_bps=basis,
        net_usd=net,
        capital_usd=capital,
        score=score(net, capital, wanted.horizon_hours),
        survival=_survival(candidate, cost),
    )


def _is_market(bbo: Bbo) -> bool:
    """Return whether the best prices can be true: positive and not crossed."""
    return 0 < bbo.bid < bbo.ask


def _size(
    candidate: Candidate, target_base: Decimal, long_price: Decimal, short_price: Decimal, settings: FinderSettings
) -> PairSize | SkippedPair:
    size = pair_size(candidate.long, candidate.short, target_base)
    if size is None:
        return candidate.skip(SkipReason.BELOW_MINIMUM, target_base)
    legs = ((candidate.long, size.long_quantity, long_price), (candidate.short, size.short_quantity, short_price))
    for instrument, quantity, price in legs:
        if not meets_minimums(instrument, quantity, price, settings.stress_move):
            return candidate.skip(SkipReason.BELOW_MINIMUM, size.base)
        if not within_maximum(instrument, quantity):
            return candidate.skip(SkipReason.ABOVE_MAXIMUM, size.base)
    return size


def _gate(candidate: Candidate, cost: HedgeCost, wanted: OpportunityFilter) -> SkippedPair | None:
    """Return the first economic reason against the pair (handbook C4); None when there is none."""
    total, capture = cost.total_bps, candidate.capture_bps
    if capture < total * wanted.min_capture_ratio:
        return candidate.skip(SkipReason.CAPTURE_BELOW_COST, capture, total * wanted.min_capture_ratio)
    if capture - total < wanted.min_net_bps:
        return candidate.skip(SkipReason.NET_TOO_LOW, capture - total, wanted.min_net_bps)
    if wanted.max_break_even_hours is None:
        return None
    needed = _break_even(candidate, total)
    if needed is None:
        return candidate.skip(SkipReason.NEVER_BREAKS_EVEN, _capacity_bps(candidate), total)
    if needed > wanted.max_break_even_hours:
        return candidate.skip(SkipReason.BREAK_EVEN_TOO_LONG, needed, wanted.max_break_even_hours)
    return None


def _hurdle(candidate: Candidate, net_usd: Decimal, capital: Decimal, wanted: OpportunityFilter) -> SkippedPair | None:
    """Return the pair when its capital would earn more elsewhere (handbook C3)."""
    earned = return_on_capital(net_usd, capital, wanted.horizon_hours)
    return candidate.skip(SkipReason.BELOW_HURDLE, earned, wanted.hurdle_apr) if earned < wanted.hurdle_apr else None


def _persistence(candidate: Candidate, cost: HedgeCost, wanted: OpportunityFilter) -> SkippedPair | None:
    """Return the pair when spreads like this one rarely lasted until they had paid their cost (handbook C4)."""
    if wanted.min_survival is None:
        return None
    lasted = _survival(candidate, cost)
    if lasted is None:
        return candidate.skip(SkipReason.PERSISTENCE_UNKNOWN, None, wanted.min_survival)
    return (
        candidate.skip(SkipReason.SPREAD_SHORT_LIVED, lasted, wanted.min_survival)
        if lasted < wanted.min_survival
        else None
    )


def _survival(candidate: Candidate, cost: HedgeCost) -> Decimal | None:
    """Return the share of the pair's past spreads that lasted until the cost was paid; None when nobody knows."""
    needed = _break_even(candidate, cost.total_bps)
    return None if needed is None else candidate.forecast.survival(needed)


def _break_even(candidate: Candidate, cost_bps: Decimal) -> Decimal | None:
    capacity = _capacity_bps(candidate)
    if capacity is not None and capacity < cost_bps:
        return None
    return break_even_hours(cost_bps, candidate.carry_bps_hour)


def _capacity_bps(candidate: Candidate) -> Decimal | None:
    """Return all the carry can ever bring; None when it does not decay to nothing."""
    forecast = candidate.forecast
    if forecast.half_life_hours is None or forecast.short.mean_hour > forecast.long.mean_hour:
        return None
    return capture_capacity((forecast.short.rate_hour - forecast.long.rate_hour) / BPS, forecast.half_life_hours)

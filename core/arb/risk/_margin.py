"""What an account could still bear after the entry: leverage, margin, distance to liquidation (handbook C7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from arb.model import ZERO, Fresh, MarginMode

from ._carried import carried, maintenance_usd, pool_distance
from ._exposure import PlannedSize
from ._inputs import AccountRisk, HeldPosition, MarginSetting, PricedLeg, known
from ._limits import Refusal, RefusalCode, RiskLimits

Planned = Sequence[tuple[PlannedSize, MarginSetting]]


def margin_refusals(
    planned: Sequence[PlannedSize], account: AccountRisk, awaited_usd: Decimal, limits: RiskLimits, oldest_ns: int
) -> Iterator[Refusal]:
    """Yield every limit of one account that the planned legs on it would break.

    What unfinished entries still await counts as if it were filled now, at the highest leverage
    allowed and in the costliest of the tiers at hand. All collateral counts together, at its value
    in dollars: a venue that keeps a pool for each currency is stricter, and refuses the order itself.
    """
    name, positions = account.exchange, account.positions
    equity = known(account.equity_usd, oldest_ns)
    if equity is None or positions is None:
        yield Refusal(code=RefusalCode.EQUITY_UNKNOWN, subject=name)
        return
    gross = awaited_usd + sum((held.notional_usd for held in positions), ZERO)
    gross += sum((one.notional_usd for one in planned), ZERO)
    if gross > equity * limits.max_leverage:
        leverage = gross / equity if equity > 0 else Decimal("Infinity")
        yield Refusal(code=RefusalCode.LEVERAGE, subject=name, value=leverage, limit=limits.max_leverage)
    available = known(account.available_usd, oldest_ns)
    if available is None:
        yield Refusal(code=RefusalCode.MARGIN_UNKNOWN, subject=name, note="what is available for orders")
    legs: list[tuple[PlannedSize, MarginSetting]] = []
    for one in planned:
        setting = _setting(one.leg)
        if isinstance(setting, Refusal):
            yield setting
        else:
            legs.append((one, setting))
    if available is None or len(legs) < len(planned) or equity <= 0:
        return  # refused already, and there is nothing to divide by or to compute with
    yield from _initial(legs, positions, available - awaited_usd / limits.max_leverage, equity, limits)
    yield from _after(legs, account, positions, awaited_usd, equity, limits)


def _setting(leg: PricedLeg) -> MarginSetting | Refusal:
    found = leg.margin
    if isinstance(found, Fresh) and found.value.leverage.is_finite() and found.value.leverage > 0:
        return found.value
    return Refusal(code=RefusalCode.MARGIN_UNKNOWN, subject=leg.instrument.id, note="its leverage at the venue")


def _initial(
    legs: Planned, positions: Sequence[HeldPosition], available: Decimal, equity: Decimal, limits: RiskLimits
) -> Iterator[Refusal]:
    """Compare what stays available once the legs have tied up their initial margin, by the tier after growth."""
    for one, setting in legs:
        instrument = one.leg.instrument
        if setting.mode is MarginMode.ISOLATED and setting.leverage > limits.max_leverage:
            value, limit = setting.leverage, limits.max_leverage
            yield Refusal(code=RefusalCode.LEVERAGE, subject=instrument.id, value=value, limit=limit, note="isolated")
        held = sum((each.notional for each in positions if each.instrument.id == instrument.id), ZERO)
        most = instrument.margin_tier(held + one.notional_usd / one.quote_usd).max_leverage
        available -= one.notional_usd / min(setting.leverage, most)
    share = available / equity
    if share < limits.min_available_margin:
        limit = limits.min_available_margin
        subject = legs[0][0].exchange
        yield Refusal(code=RefusalCode.AVAILABLE_MARGIN, subject=subject, value=share, limit=limit)


def _after(
    legs: Planned,
    account: AccountRisk,
    positions: Sequence[HeldPosition],
    awaited_usd: Decimal,
    equity: Decimal,
    limits: RiskLimits,
) -> Iterator[Refusal]:
    """Compare maintenance margin and distances to liquidation right after the entry."""
    rows = carried(positions, legs)
    needed = maintenance_usd(rows) + awaited_usd * max(row.maintenance_rate for row in rows)
    if account.maintenance_usd is not None:
        # The venue may know of more than we do, but it does not know of the entry yet.
        needed = max(needed, account.maintenance_usd + needed - maintenance_usd(carried(positions, ())))
    if needed > equity * limits.max_maintenance_ratio:
        value, limit = needed / equity, limits.max_maintenance_ratio
        yield Refusal(code=RefusalCode.MAINTENANCE_RATIO, subject=account.exchange, value=value, limit=limit)
    distances: dict[str, Decimal] = {}
    for row in rows:
        if row.distances:
            distances[row.instrument] = min(*row.distances, distances.get(row.instrument, row.distances[0]))
        elif row.is_isolated:
            yield Refusal(code=RefusalCode.LIQUIDATION_UNKNOWN, subject=row.instrument)
    pool = pool_distance(rows, awaited_usd, equity, needed)
    if pool is not None:
        distances[account.exchange] = pool
    limit = limits.min_liquidation_distance
    for subject, distance in distances.items():
        if distance < limit:
            yield Refusal(code=RefusalCode.LIQUIDATION_DISTANCE, subject=subject, value=distance, limit=limit)

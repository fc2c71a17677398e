"""Measured trading costs, and books that cost as much."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from statistics import StatisticsError, median
from typing import Final

from arb.api import ConfigError
from arb.model import BPS, ZERO, BookLevel, Side

from ._replay_tables import check_columns, open_text

_TIERS: Final = (
    ("1k", Decimal(1_000)),
    ("10k", Decimal(10_000)),
    ("100k", Decimal(100_000)),
    ("1m", Decimal(1_000_000)),
)
_SIDES: Final = ((Side.BUY, "ask"), (Side.SELL, "bid"))
_COLUMNS: Final = (
    *("exchange", "ticker", "error", "spread_bps"),
    *(f"{name}_{what}_{size}" for _, name in _SIDES for what in ("slip", "fill") for size, _ in _TIERS),
)
_BPS_IN_ONE: Final = 1 / BPS


@dataclass(frozen=True, slots=True)
class DepthTier:
    """Taking `notional_usd` costs `slippage_bps` on average, against the mid price."""

    notional_usd: Decimal
    slippage_bps: Decimal


@dataclass(frozen=True, slots=True)
class MarketCosts:
    """Medians of one asset on one venue; `depth` is keyed by the taker's side, by rising notional."""

    spread_bps: Decimal
    depth: Mapping[Side, Sequence[DepthTier]]


def read_costs(path: Path, *, venue: str, assets: Sequence[str]) -> Mapping[str, MarketCosts]:
    """Return the median costs of `assets` on `venue`, from rows without an error.

    The columns are `exchange`, `ticker`, `error`, `spread_bps` and, for 1k, 10k, 100k and 1m US
    dollars, `ask_slip_*` and `bid_slip_*` (bps of the mid price, half the spread included) with
    `ask_fill_*` and `bid_fill_*` (whether the book held as much). A size that most books did not
    hold is left out: the book made from it ends before.

    Raises:
        ConfigError: the file is absent or unreadable, or was not measured for one of them.
    """
    rows: dict[str, list[dict[str, str]]] = {asset: [] for asset in assets}
    measured: dict[str, set[str]] = {}
    with open_text(path) as text:
        try:
            reader = csv.DictReader(text)
            check_columns(path, reader.fieldnames or (), _COLUMNS)
            for row in reader:
                if row["error"]:
                    continue
                measured.setdefault(row["exchange"], set()).add(row["ticker"])
                if row["exchange"] == venue and row["ticker"] in rows:
                    rows[row["ticker"]].append(row)
        except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
            raise ConfigError(f"{path}: cannot be read as CSV: {error}") from error
    if venue not in measured:
        raise ConfigError(
            f"{path}: no costs were measured on {venue!r}. Say with `costs_venue` whose costs stand in: "
            f"{', '.join(sorted(measured)) or 'the file is empty'}"
        )
    absent = [asset for asset, found in rows.items() if not found]
    if absent:
        raise ConfigError(
            f"{path}: no costs of {', '.join(absent)} were measured on {venue!r}. Say with `costs_assets` whose "
            f"costs stand in, such as {absent[0]} = '{min(measured[venue])}': {', '.join(sorted(measured[venue]))}"
        )
    try:
        return {asset: _medians(found) for asset, found in rows.items()}
    except (InvalidOperation, StatisticsError) as error:
        raise ConfigError(f"{path}: costs on {venue!r} cannot be read: {error!r}") from error


def _medians(rows: Sequence[Mapping[str, str]]) -> MarketCosts:
    depth: dict[Side, Sequence[DepthTier]] = {}
    for side, name in _SIDES:
        tiers = []
        for size, notional in _TIERS:
            filled = [row for row in rows if row[f"{name}_fill_{size}"] == "True" and row[f"{name}_slip_{size}"]]
            if len(filled) * 2 <= len(rows):
                break
            tiers.append(DepthTier(notional, _median(row[f"{name}_slip_{size}"] for row in filled)))
        depth[side] = tiers
    return MarketCosts(_median(row["spread_bps"] for row in rows if row["spread_bps"]), depth)


def _median(texts: Iterable[str]) -> Decimal:
    return median([Decimal(text) for text in texts])


@dataclass(frozen=True, slots=True)
class _Grid:
    """Steps of a book's prices and sizes; `usd_rate` is US dollars per unit of the quote."""

    tick: Decimal
    lot: Decimal
    usd_rate: Decimal


def build_book(
    price: Decimal, costs: MarketCosts, *, tick: Decimal, lot: Decimal, usd_rate: Decimal
) -> tuple[tuple[BookLevel, ...], tuple[BookLevel, ...]]:
    """Return bids and asks around `price` whose walk costs what was measured.

    The spread is the measured one in whole ticks, at least one. Beyond the touch each measured
    size adds a tranche at the marginal price that makes the average right; a price between two
    ticks becomes a level on either, which can make a smaller size cheaper by less than a tick.
    Prices never improve with size: where measured averages would ask for that, the deeper tranche
    costs a little more than measured.
    """
    grid = _Grid(tick, lot, usd_rate)
    spread = max(tick, (price * costs.spread_bps * BPS / tick).to_integral_value(ROUND_HALF_EVEN) * tick)
    bid = ((price - spread / 2) / tick).to_integral_value(ROUND_FLOOR) * tick
    if bid <= 0:
        return (), ()
    mid = bid + spread / 2
    return (
        _ladder(bid, mid, -1, costs.depth[Side.SELL], grid),
        _ladder(bid + spread, mid, 1, costs.depth[Side.BUY], grid),
    )


def _ladder(touch: Decimal, mid: Decimal, sign: int, tiers: Sequence[DepthTier], grid: _Grid) -> tuple[BookLevel, ...]:
    """Return one side from the touch outwards; `sign` is +1 for asks."""
    if not tiers:
        return ()

    # Half of the first size rests at the touch, so that the spread shows.
    placed = tiers[0].notional_usd / 2
    sizes = {touch: placed}
    marginal = (touch / mid - 1) * sign * _BPS_IN_ONE
    cost = placed * marginal
    rounding = ROUND_FLOOR if sign > 0 else ROUND_CEILING
    for tier in tiers:
        part = tier.notional_usd - placed
        marginal = max((tier.slippage_bps * tier.notional_usd - cost) / part, marginal)
        exact = mid * (1 + sign * marginal * BPS)
        near = (exact / grid.tick).to_integral_value(rounding) * grid.tick
        far = near + sign * grid.tick
        if far <= 0:
            break
        share = (exact - near) * sign / grid.tick
        for price, notional in ((near, part * (1 - share)), (far, part * share)):
            sizes[price] = sizes.get(price, ZERO) + notional
        cost += part * marginal
        placed = tier.notional_usd
    levels = []
    for price, notional in sorted(sizes.items(), reverse=sign < 0):
        size = (notional / grid.usd_rate / mid / grid.lot).to_integral_value(ROUND_HALF_EVEN) * grid.lot
        if size or price == touch:
            levels.append(BookLevel(price, max(size, grid.lot)))
    return tuple(levels)

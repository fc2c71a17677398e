"""Figures that tell whether a pair is worth its cost."""

from __future__ import annotations

from decimal import Decimal

from arb.model import BPS, Instrument


def break_even_hours(cost_bps: Decimal, carry_bps_hour: Decimal) -> Decimal | None:
    """Return T* = C / c in hours (handbook C4); None when the carry never pays the cost."""
    if cost_bps <= 0:
        return Decimal(0)
    return cost_bps / carry_bps_hour if carry_bps_hour > 0 else None


def basis_bps(long_price: Decimal, short_price: Decimal) -> Decimal:
    """Return the short leg's over the long leg's price per base unit, minus one, in basis points (handbook C5)."""
    return (short_price / long_price - 1) / BPS


def margin_usd(instrument: Instrument, notional: Decimal, usd_rate: Decimal, max_leverage: Decimal) -> Decimal:
    """Return the initial margin of a position, US dollars, at the highest leverage allowed.

    Args:
        notional: In quote currency.
        usd_rate: US dollars per unit of the quote currency.
        max_leverage: Ours; the venue's own limit for the size counts where it is lower.
    """
    leverage = min(max_leverage, instrument.margin_tier(notional).max_leverage)
    return notional * usd_rate / leverage


def capital_usd(long_margin: Decimal, short_margin: Decimal, buffer: Decimal) -> Decimal:
    """Return the capital a hedge binds: the margin of both legs and a buffer on top (handbook C3).

    Args:
        buffer: Share of the margin held beside it, such as 0.25.
    """
    return (long_margin + short_margin) * (1 + buffer)


def score(net_usd: Decimal, capital: Decimal, horizon_hours: Decimal) -> Decimal:
    """Return the expected net per dollar of capital and hour: the rank of an opportunity (handbook C3)."""
    return net_usd / capital / horizon_hours


def return_on_capital(net_usd: Decimal, capital: Decimal, horizon_hours: Decimal) -> Decimal:
    """Return the expected net as a simple annual rate on the capital bound (handbook C3)."""
    return net_usd / capital * 8760 / horizon_hours

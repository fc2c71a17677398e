"""Numbers and times as people read them."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from arb.model import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, format_utc

NOTHING: Final = "-"
_STEPS: Final = ((DAY_NS, "d", HOUR_NS, "h"), (HOUR_NS, "h", MINUTE_NS, "m"), (MINUTE_NS, "m", SECOND_NS, "s"))


def usd(amount: Decimal | None, places: int = 2) -> str:
    """Return a rounded amount with thousands separators; a dash when it is not known."""
    if amount is None:
        return NOTHING
    rounded = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    return f"{rounded if rounded else abs(rounded):,}"


def signed(amount: Decimal | None, places: int = 2) -> str:
    """Return a rounded amount that always has its sign, except zero."""
    text = usd(amount, places)
    return f"+{text}" if amount is not None and amount > 0 and text.strip("0.,") else text


def exact(amount: Decimal) -> str:
    """Return every digit of an amount, at least two after the point, with its sign."""
    text = f"{amount:+f}" if amount else "0"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def duration(length_ns: int) -> str:
    """Return a duration by its two largest units, rounded to the smaller one, such as `3d 4h`."""
    for large_ns, large, small_ns, small in _STEPS:
        rounded_ns = (length_ns + small_ns // 2) // small_ns * small_ns
        if rounded_ns >= large_ns:
            count, rest = divmod(rounded_ns, large_ns)
            return f"{count}{large} {rest // small_ns}{small}" if rest else f"{count}{large}"
    return f"{max(0, length_ns) // SECOND_NS}s"


def minute(ts_ns: int | None) -> str:
    """Return month, day, hour and minute, UTC; a dash for no time."""
    return NOTHING if ts_ns is None else format_utc(ts_ns)[5:16].replace("T", " ")


def second(ts_ns: int) -> str:
    """Return date and time to the second, UTC."""
    return format_utc(ts_ns - ts_ns % SECOND_NS)

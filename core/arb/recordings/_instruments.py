"""Instruments that are known from a recording only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from arb.api import ConfigError
from arb.model import (
    MINUTE_NS,
    FeeSchedule,
    Instrument,
    InstrumentStatus,
    MarginTier,
    instrument_id,
)

from ._recording import Tally, Trap

_STEP: Final = Decimal("1e-8")
_ONE: Final = Decimal(1)


def recorded_instrument(
    venue: str,
    name: str,
    *,
    symbol: str,
    base: str,
    quote: str,
    interval_ns: int | None,
    multiplier: Decimal = _ONE,
) -> Instrument:
    """Return an instrument that nothing can be opened on.

    A recording says nothing of steps, fees and margin: they are the finest, none and full, and the status is
    suspended, so that a run over the same storage trades it only after its venue has been asked.

    Args:
        venue: Becomes the exchange.
        name: Becomes the id together with the venue.
        symbol: As the venue writes it.
        base: The asset.
        quote: The currency of its prices.
        interval_ns: Between two settlements now; 0 where funding accrues continuously.
        multiplier: Units of the base asset in a contract, as proved.

    Raises:
        ConfigError: the venue cannot be the name of an exchange.
    """
    try:
        key = instrument_id(name, venue)
    except ValueError as error:
        raise ConfigError(f"the recording holds {symbol!r} of {venue!r}: {error}") from None
    return Instrument(
        id=key,
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=_STEP,
        lot_size=_STEP,
        fees=FeeSchedule(maker=Decimal(0), taker=Decimal(0)),
        margin_tiers=(MarginTier(max_notional=None, maintenance_rate=_ONE, max_leverage=_ONE),),
        funding_interval_ns=interval_ns,
        multiplier=multiplier,
        status=InstrumentStatus.SUSPENDED,
    )


def note_quotes(instruments: Iterable[Instrument], tally: Tally) -> None:
    """Count instruments of a coin that has several quote currencies on its venue."""
    kept = list(instruments)
    coins = Counter((one.exchange, one.base) for one in kept)
    tally.traps[Trap.QUOTES_OF_ONE_COIN] += sum(coins[one.exchange, one.base] > 1 for one in kept)


def whole_minute(ts_ns: int, tally: Tally) -> int:
    """Return the nearest minute: venues stamp settlements some milliseconds late."""
    rounded = (ts_ns + MINUTE_NS // 2) // MINUTE_NS * MINUTE_NS
    tally.traps[Trap.STAMPS_OFF_THE_MINUTE] += rounded != ts_ns
    return rounded

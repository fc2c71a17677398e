"""What a new listing of a venue changes, and what it must not change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from arb.model import ExchangeName, Instrument, InstrumentId, InstrumentStatus, is_bookable, is_moment


@dataclass(frozen=True, slots=True)
class ListingChanges:
    """New versions of instruments, and what a person should know of them, one line each."""

    changed: Sequence[Instrument]
    warnings: Sequence[str]


def require_listing(exchange: ExchangeName, rows: Iterable[Instrument]) -> None:
    """Refuse a listing with an instrument that is another exchange's, or that the journal could not keep.

    Raises:
        ValueError: one of the rows is.
    """
    for one in rows:
        if one.exchange != exchange:
            raise ValueError(f"it lists {one.id}, which is not its own")
        numbers = (
            one.tick_size,
            one.lot_size,
            one.multiplier,
            one.min_quantity,
            one.min_notional,
            one.closing_min_notional,
            one.fees.maker,
            one.fees.taker,
            *((one.max_quantity,) if one.max_quantity is not None else ()),
        )
        times = (one.effective_from_ns, 0 if one.funding_interval_ns is None else one.funding_interval_ns)
        if not all(map(is_bookable, numbers)) or not all(map(is_moment, times)):
            raise ValueError(f"the rules of {one.id} hold what is no number or no time")


def compared(
    known: Mapping[InstrumentId, Instrument], exchange: ExchangeName, listing: Iterable[Instrument]
) -> ListingChanges:
    """Compare a whole listing of `exchange` with what is known.

    An instrument that is gone is delisted: nothing opens on it, what is held stays ours. One that
    comes back under its id as another asset, in another currency or with another multiplier would
    make every price and size of ours wrong: it keeps its old rules and is suspended.
    """
    changed: list[Instrument] = []
    warnings: list[str] = []
    listed: set[InstrumentId] = set()
    for new in listing:
        listed.add(new.id)
        old = known.get(new.id)
        if old is not None and _identity(old) != _identity(new):
            if old.status is not InstrumentStatus.SUSPENDED:
                changed.append(replace(old, status=InstrumentStatus.SUSPENDED))
                warnings.append(f"{new.id} was {_identity(old)} and is now listed as {_identity(new)}: suspended")
        elif old != new:
            changed.append(new)
    for old in known.values():
        if old.exchange == exchange and old.id not in listed and old.status is not InstrumentStatus.DELISTED:
            changed.append(replace(old, status=InstrumentStatus.DELISTED))
            warnings.append(f"{old.id} is no longer listed: nothing more opens on it")
    return ListingChanges(changed, warnings)


def _identity(instrument: Instrument) -> str:
    return f"{instrument.multiplier} {instrument.base} in {instrument.quote}"

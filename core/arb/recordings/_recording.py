"""What a reader of recordings gives, and what it counts on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self

from arb.model import FundingRate, Instrument, MarketStats


class _Explained(StrEnum):
    """Codes with what they mean, for people."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member


class SkippedRow(_Explained):
    """Why a row was left out. The codes are stable."""

    INTERVAL_UNKNOWN = ("interval_unknown", "the row has no interval and the settlements around it do not tell one")
    NOT_A_NUMBER = ("not_a_number", "the rate or the time is missing or no number")
    HOURLY_MEAN_STAMPED_EARLY = (
        "hourly_mean_stamped_early",
        "the row is no settlement but the mean of an hour, stamped at its beginning",
    )
    NOT_SETTLED = ("not_settled", "a prediction among settlements: the two are never one series")
    NOT_LINEAR = ("not_linear", "an inverse contract")
    NAME_UNKNOWN = ("name_unknown", "neither the symbol nor the venue says which asset it is, or in what it is quoted")


class Trap(_Explained):
    """What is known to be wrong or missing in a recording, where it was met. The codes are stable."""

    STAMPS_OFF_THE_MINUTE = ("stamps_off_the_minute", "settlements stamped late: rounded to the minute")
    INTERVAL_MISSING = ("interval_missing", "rows in which the recorder could not tell the interval")
    INTERVAL_NOT_STORED = (
        "interval_not_stored",
        "the file has no intervals: inferred from the settlements before and after each row",
    )
    QUOTE_NOT_STORED = ("quote_not_stored", "the file has no quote currency: that of the venue's main contracts")
    HOLES = ("holes", "gaps longer than the interval: settlements are missing, and stay missing")
    NEXT_FUNDING_LATE = ("next_funding_late", "the next settlement is given one period late: put back by one period")
    NEXT_FUNDING_PASSED = ("next_funding_passed", "the next settlement given has passed: left out")
    OPEN_INTEREST_UNIT = ("open_interest_unit", "open interest in an unknown unit: left out")
    OPEN_INTEREST_ZERO = ("open_interest_zero", "open interest of zero stands for one that was not published: left out")
    INDEX_ZERO = ("index_zero", "an index price of zero stands for one that was not published: left out")
    INTERVAL_ASSUMED = (
        "interval_assumed",
        "funding accrues continuously; the interval given is only the period of the rate",
    )
    QUOTES_OF_ONE_COIN = (
        "quotes_of_one_coin",
        "a coin with several quote currencies on one venue: separate instruments",
    )
    DENOMINATION_PROVED = (
        "denomination_proved",
        "a name claims a multiple of the asset, and prices prove it: the contract's multiplier",
    )
    DENOMINATION_UNPROVED = (
        "denomination_unproved",
        "a name claims a multiple of the asset that no price proves: the multiplier stays 1",
    )


@dataclass(slots=True)
class Tally:
    """Counts of one import. Traps count rows, except those about instruments."""

    rows: int = 0
    skipped: Counter[SkippedRow] = field(default_factory=Counter)
    traps: Counter[Trap] = field(default_factory=Counter)

    def kept(self, found: Iterable[FundingRate | SkippedRow]) -> Sequence[FundingRate]:
        """Return the rates, and count what stands in the place of those left out."""
        rates: list[FundingRate] = []
        for one in found:
            if isinstance(one, SkippedRow):
                self.skipped[one] += 1
            else:
                rates.append(one)
        return rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What some rows hold.

    Attributes:
        rows: How many were read for it, those left out included.
    """

    rows: int
    rates: Sequence[FundingRate]
    stats: Sequence[MarketStats] = ()


class Recording(Protocol):
    """One recording of a known kind.

    Attributes:
        kind: What it is, for people.
        path: Its file.
        rows: How many it has.
    """

    @property
    def kind(self) -> str: ...

    @property
    def path(self) -> Path: ...

    @property
    def rows(self) -> int: ...

    def instruments(self, tally: Tally) -> Sequence[Instrument]:
        """Read the whole file once and return what it is about; needed before :meth:`batches`.

        Raises:
            ConfigError: the file cannot be read, or says what cannot be.
        """
        ...

    def batches(self, tally: Tally) -> Iterator[Batch]:
        """Yield the rows, some thousands at once, in the order of the file.

        Raises:
            ConfigError: as :meth:`instruments`.
        """
        ...

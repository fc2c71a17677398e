"""Which instruments of one ticker are one asset, from days of prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from types import MappingProxyType
from typing import Final

from arb.model import Instrument, InstrumentId, MarketStats

from ._identity import AssetIdentity, Comparison, Sameness

Pair = tuple[InstrumentId, InstrumentId]

DOLLARS: Final[Mapping[str, Decimal]] = MappingProxyType(
    {quote: Decimal(1) for quote in ("USD", "USD1", "USDC", "USDT")}
)
"""US dollars per unit of what is meant to be one: near enough where assets are told apart by 2 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPrices:
    """What the days said of two instruments.

    Attributes:
        last: On the last day that had enough observations, or on the last one at all.
        differed: Days, of those with enough observations, on which they were not one asset.
        days: Days with enough observations.
    """

    first: InstrumentId
    second: InstrumentId
    last: Comparison
    differed: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """Instruments that are one asset.

    Attributes:
        units: For each, the units of the asset in one contract, as proved; by instrument.
    """

    units: Mapping[InstrumentId, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticker:
    """The instruments of one name.

    Attributes:
        assets: More than one when it means different things; an instrument that nothing proves is not in any.
        differing: Pairs across assets whose prices contradict that they are one.
        doubtful: Pairs of one asset that were not on some day.
        unproved: Instruments without enough observations beside any other.
    """

    base: str
    assets: tuple[Asset, ...]
    differing: tuple[PairPrices, ...]
    doubtful: tuple[PairPrices, ...]
    unproved: tuple[InstrumentId, ...]

    @property
    def is_ambiguous(self) -> bool:
        """Return whether it names more than one asset."""
        return bool(self.differing)


class AssetSurvey:
    """Goes through stored statistics day by day and says what each ticker is."""

    def __init__(self, instruments: Iterable[Instrument], usd: Mapping[str, Decimal]) -> None:
        """Compare instruments of one base and asset class.

        Args:
            instruments: Those to compare.
            usd: US dollars per unit of their quote currencies; one without a rate is compared with nothing.
        """
        self._usd = usd
        self._identity = AssetIdentity()
        self._instruments = {one.id: one for one in instruments if one.quote in usd}
        self._tickers: dict[tuple[str, str], list[InstrumentId]] = {}
        for one in self._instruments.values():
            self._tickers.setdefault((one.base, one.asset_class), []).append(one.id)
        self._pairs: dict[Pair, PairPrices] = {}

    def add_day(self, stats: Iterable[MarketStats]) -> None:
        """Take the statistics of a day, those before it having been taken, and judge every pair in it."""
        seen: set[InstrumentId] = set()
        for row in stats:
            instrument = self._instruments.get(row.instrument)
            if instrument is not None:
                self._identity.observe(instrument, row, self._usd[instrument.quote])
                seen.add(instrument.id)
        for members in self._tickers.values():
            for pair in combinations(sorted(seen.intersection(members)), 2):
                self._judge(pair)

    def tickers(self) -> tuple[Ticker, ...]:
        """Return every ticker that more than one instrument has, by name."""
        return tuple(
            self._ticker(base, sorted(members))
            for (base, _), members in sorted(self._tickers.items())
            if len(members) > 1
        )

    def _judge(self, pair: Pair) -> None:
        found = self._identity.compare(*pair)
        if found.ratio is None:
            return
        held = self._pairs.get(pair)
        judged = found.sameness is not Sameness.UNPROVED
        self._pairs[pair] = PairPrices(
            first=pair[0],
            second=pair[1],
            last=found if judged or held is None or not held.days else held.last,
            differed=(held.differed if held else 0) + (found.sameness is Sameness.DIFFERS),
            days=(held.days if held else 0) + judged,
        )

    def _ticker(self, base: str, members: Sequence[InstrumentId]) -> Ticker:
        pairs = [self._pairs[pair] for pair in combinations(members, 2) if pair in self._pairs]
        assets = _assets(members, pairs, {key: self._instruments[key].multiplier for key in members})
        asset_of = {key: number for number, asset in enumerate(assets) for key in asset.units}

        def together(pair: PairPrices) -> bool:
            number = asset_of.get(pair.first)
            return number is not None and number == asset_of.get(pair.second)

        differing = [pair for pair in pairs if pair.last.sameness is Sameness.DIFFERS and not together(pair)]
        apart = {key for pair in differing for key in (pair.first, pair.second)} - asset_of.keys()
        return Ticker(
            base=base,
            assets=(*assets, *(Asset(units={key: self._instruments[key].multiplier}) for key in sorted(apart))),
            differing=tuple(differing),
            doubtful=tuple(pair for pair in pairs if pair.differed and together(pair)),
            unproved=tuple(key for key in members if key not in asset_of and key not in apart),
        )


def _assets(
    members: Sequence[InstrumentId], pairs: Iterable[PairPrices], multipliers: Mapping[InstrumentId, Decimal]
) -> list[Asset]:
    """Join what proved pairs connect, the largest asset first, with the units in a contract of each."""
    edges: dict[InstrumentId, list[tuple[InstrumentId, Decimal]]] = {}
    for pair in pairs:
        if pair.last.sameness in (Sameness.PROVED, Sameness.DENOMINATED):
            edges.setdefault(pair.first, []).append((pair.second, 1 / pair.last.factor))
            edges.setdefault(pair.second, []).append((pair.first, pair.last.factor))
    left = {key: None for key in members if key in edges}
    found: list[Asset] = []
    while left:
        start, _ = left.popitem()
        scale = {start: Decimal(1)}
        waiting = [start]
        while waiting:
            here = waiting.pop()
            for there, factor in edges[here]:
                if there not in scale:
                    scale[there] = scale[here] * factor
                    left.pop(there, None)
                    waiting.append(there)
        least = min(scale.values())
        found.append(Asset(units={key: scale[key] / least * multipliers[key] for key in sorted(scale)}))
    return sorted(found, key=lambda asset: (-len(asset.units), min(asset.units)))

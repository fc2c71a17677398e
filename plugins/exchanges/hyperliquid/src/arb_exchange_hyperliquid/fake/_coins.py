"""What the fake lists: the ground's instruments as coins of dexes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from arb.api import FakeGround
from arb.model import Instrument, InstrumentId, InstrumentStatus, name_of

from ._state import State

GONE: Final = "MATIC"
"""A coin that was delisted, where a test wants one: it keeps its place, so that a coin's number is no instrument's."""

_GONE_PLACE: Final = 1
_FIRST_TABLE: Final = 50
_DEX_ASSETS: Final = 110_000
_PER_DEX: Final = 10_000


class Unreadable(Exception):
    """The request has no form that the venue reads: HTTP 422."""


class Nothing(Exception):
    """The venue knows no such coin or dex: HTTP 500 with `null`."""


@dataclass(frozen=True, slots=True)
class Coin:
    """A coin of a dex; `asset` is its number in orders."""

    name: str
    dex: str
    asset: int
    instrument: Instrument

    @property
    def sz_decimals(self) -> int:
        """Return the decimals of its sizes."""
        return max(0, -self.instrument.lot_size.adjusted())

    @property
    def is_open(self) -> bool:
        """Return whether it is traded."""
        return self.instrument.status is not InstrumentStatus.DELISTED


class Coins:
    """Every coin, by each of its names."""

    def __init__(self, ground: FakeGround, state: State) -> None:
        self._ground = ground
        self._state = state
        self.dexes: tuple[str, ...] = ("", *sorted(set(state.dex_of.values())))
        self.by_name: dict[str, Coin] = {}
        self.by_asset: dict[int, Coin] = {}
        self.by_id: dict[InstrumentId, Coin] = {}

    async def learn(self, *, anew: bool = False) -> None:
        """Read what is listed."""
        if self.by_id and not anew:
            return
        # By name: a coin's number is its place, which the venue never changes, and a ground's rows may come shuffled.
        rows = {each.id: each for each in await self._ground.exchange.market.fetch_instruments()}
        listed = [rows[name] for name in sorted(rows)]
        coins = [coin for place, dex in enumerate(self.dexes) for coin in self._of_dex(dex, place, listed)]
        self.by_name = {coin.name: coin for coin in coins}
        self.by_asset = {coin.asset: coin for coin in coins}
        self.by_id = {coin.instrument.id: coin for coin in coins}

    @property
    def names(self) -> frozenset[str]:
        """Return every name that the venue knows."""
        return frozenset(self.by_name) | ({GONE} if self._state.has_delisted else set())

    def of_dex(self, dex: str) -> list[Coin]:
        """Return the coins of a dex."""
        return [coin for coin in self.by_name.values() if coin.dex == dex]

    def dex_of(self, asked: Mapping[str, Any]) -> str:
        """Return the dex that a request is about; raises Nothing."""
        dex = asked.get("dex") or ""
        if dex not in self.dexes:
            raise Nothing
        return str(dex)

    def coin_of(self, asked: Mapping[str, Any]) -> Coin | None:
        """Return the coin that a request is about, None for the delisted one; raises Nothing."""
        if asked["coin"] not in self.names:
            raise Nothing
        return self.by_name.get(asked["coin"])

    def meta(self, dex: str) -> dict[str, Any]:
        """Write `meta`."""
        universe: list[dict[str, Any]] = []
        tables: list[Any] = []
        for number, coin in enumerate(self.of_dex(dex), _FIRST_TABLE):
            tiers = coin.instrument.margin_tiers
            row: dict[str, Any] = {
                "szDecimals": coin.sz_decimals,
                "name": coin.name,
                "maxLeverage": int(tiers[0].max_leverage),
                "marginTableId": number,
            }
            universe.append(row if coin.is_open else {**row, "isDelisted": True})
            tables.append([number, _margin_table(coin.instrument)])
        if not dex and self._state.has_delisted:
            gone = {"szDecimals": 1, "name": GONE, "maxLeverage": 20, "marginTableId": 20, "isDelisted": True}
            universe.insert(_GONE_PLACE, gone)
        return {"universe": universe, "marginTables": tables, "collateralToken": 0}

    def _of_dex(self, dex: str, place: int, listed: list[Instrument]) -> list[Coin]:
        its = [each for each in listed if self._state.dex_of.get(each.base, "") == dex]
        first = _DEX_ASSETS + _PER_DEX * (place - 1) if dex else 0
        found = []
        for number, instrument in enumerate(its):
            shifted = number + (self._state.has_delisted and not dex and number >= _GONE_PLACE)
            name = name_of(instrument.id).removesuffix("-PERP")
            found.append(Coin(f"{dex}:{name}" if dex else name, dex, first + shifted, instrument))
        return found


def _margin_table(instrument: Instrument) -> Mapping[str, Any]:
    lower = [Decimal(0), *(tier.max_notional for tier in instrument.margin_tiers[:-1])]
    tiers = [
        {"lowerBound": f"{bound:f}", "maxLeverage": int(tier.max_leverage)}
        for bound, tier in zip(lower, instrument.margin_tiers, strict=True)
    ]
    return {"description": f"tiered {tiers[0]['maxLeverage']}x", "marginTiers": tiers}

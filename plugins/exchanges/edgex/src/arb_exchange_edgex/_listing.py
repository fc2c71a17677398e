"""The venue's list of contracts as a whole: by our id, by number, and what of it cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from arb.api import BadResponse, Rejected
from arb.model import InstrumentId, InstrumentStatus
from arb.net import reading, row_of, rows_of, text

from ._contracts import Contract, unlisted_id
from ._markets import AccountFees, Market, chain_of, contract_of, market_of
from ._signing import Chain

_NOTHING: Final[Mapping[str, Contract]] = MappingProxyType({})
_RANKS: Final = {InstrumentStatus.DELISTED: 0, InstrumentStatus.SUSPENDED: 1}
_TRADED: Final = 2


class Listing:
    """Every contract of the venue, by our id and by its number.

    A contract that an earlier listing had is still found: what is held there has to be closed, also while the venue
    leaves it out or writes it in a way that cannot be read.

    Attributes:
        markets: What is listed now.
        contracts: What each contract is called that is or was listed, by number; two may have one name, such as an
            old contract and the one that took its place.
        unread: What of the venue's list is left out, and why.
    """

    def __init__(
        self,
        exchange: str,
        markets: Iterable[Market],
        chain: Chain,
        coins: Mapping[str, str],
        *,
        contracts: Mapping[str, Contract],
        unread: Iterable[str] = (),
        before: Listing | None = None,
    ) -> None:
        self._exchange = exchange
        self.markets = tuple(markets)
        self.chain = chain
        self.contracts = MappingProxyType(dict(contracts))
        self.unread: Final = tuple(unread)
        self._coins = dict(coins)
        self._by_id: dict[InstrumentId, Market] = {} if before is None else dict(before._by_id)
        self._by_id.update((each.instrument.id, each) for each in self.markets)
        self._by_number = {each.contract_id: each for each in self._by_id.values()}

    def market(self, name: InstrumentId) -> Market:
        """Return a contract by our id; raises Rejected for one that is not listed."""
        found = self._by_id.get(name)
        if found is None:
            raise self._unlisted(name)
        return found

    def by_number(self, contract_id: Any) -> Market | None:
        """Return a contract by the venue's number."""
        return self._by_number.get(str(contract_id))

    def contract(self, contract_id: Any) -> Contract:
        """Return what a number is called, listed or not any more; raises ValueError for one that no listing had."""
        found = self.contracts.get(str(contract_id))
        if found is None:
            raise ValueError(f"contract {contract_id!r} is not listed")
        return found

    def numbers(self, name: InstrumentId) -> list[str]:
        """Return the numbers of a name; raises Rejected for one that no listing had."""
        found = [number for number, contract in self.contracts.items() if contract.id == name]
        if not found:
            raise self._unlisted(name)
        return found

    def apart(self, contract_ids: Iterable[Any]) -> dict[str, InstrumentId]:
        """Return names for contracts that are told side by side, no two alike; raises ValueError.

        Where two of them have one name, that which is traded under it keeps it.
        """
        names = {str(each): self.contract(each).id for each in contract_ids}
        counts = Counter(names.values())
        return {
            number: name if counts[name] == 1 or self._is_traded(number, name) else unlisted_id(self._exchange, number)
            for number, name in names.items()
        }

    def naming(self, contract_ids: Iterable[str]) -> Listing:
        """Return the listing with a name, by its number, for each contract that has none."""
        added = {each: Contract(unlisted_id(self._exchange, each), "") for each in contract_ids}
        return Listing(
            self._exchange,
            self.markets,
            self.chain,
            self._coins,
            contracts={**added, **self.contracts},
            unread=self.unread,
            before=self,
        )

    def coin(self, coin_id: Any) -> str:
        """Return the name of a currency; raises ValueError."""
        found = self._coins.get(str(coin_id))
        if found is None:
            raise ValueError(f"coin {coin_id!r} is not listed")
        return found

    def _is_traded(self, contract_id: str, name: InstrumentId) -> bool:
        market = self._by_id.get(name)
        return market is not None and market.contract_id == contract_id

    def _unlisted(self, name: InstrumentId) -> Rejected:
        return Rejected(f"{name} is not listed", exchange=self._exchange, code="unknown_instrument")


def listing_of(
    exchange: str,
    data: Any,
    fees: AccountFees | None,
    *,
    known: Mapping[str, Contract] = _NOTHING,
    before: Listing | None = None,
) -> Listing:
    """Read `GET /api/v2/public/meta/getMetaData`, which continues an earlier one; what cannot be used is left out.

    Args:
        exchange: Its name in the configuration.
        data: Of the answer.
        fees: The account's own.
        known: What contracts were called before, by number.
        before: The earlier listing.

    Raises:
        BadResponse: it is no list of contracts, or none of them can be read.
    """
    read, unread, spoilt = list[Market](), list[str](), dict[str, Contract]()
    with reading(exchange, "the list of contracts"):
        meta = row_of(data)
        coins = {text(row["coinId"]): row for row in rows_of(meta["coinList"])}
        chain = chain_of(row_of(meta["global"]))
        names = {coin_id: text(row["coinName"]) for coin_id, row in coins.items() if row.get("coinName")}
        rows = rows_of(meta["contractList"])
    for row in rows:
        try:
            read.append(market_of(exchange, row, coins, fees))
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            unread.append(f"{row.get('contractName')}: {error!r}")
            spoilt.update(_name_of(exchange, row, coins))
    markets, doubles = _distinct(read)
    unread.extend(doubles)
    if not markets:
        text_ = f"none of {len(unread)} contracts can be read{': ' + unread[0] if unread else ''}"
        raise BadResponse(text_, exchange=exchange, code="no_contracts")
    contracts = {**(_NOTHING if before is None else before.contracts), **known}
    markets = [_as_told(exchange, market, contracts) for market in markets]
    contracts.update((each.contract_id, Contract(each.instrument.id, each.coin_id)) for each in markets)
    for number, contract in spoilt.items():
        if number not in contracts and contract.id not in {each.id for each in contracts.values()}:
            contracts[number] = contract
    return Listing(exchange, markets, chain, names, contracts=contracts, unread=unread, before=before)


def _name_of(exchange: str, row: Any, coins: Mapping[str, Any]) -> dict[str, Contract]:
    """Return what a contract is called whose row cannot be read otherwise; empty where not even that can be."""
    try:
        number, contract = contract_of(exchange, row, coins)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
        return {}
    return {number: contract}


def _as_told(exchange: str, market: Market, contracts: Mapping[str, Contract]) -> Market:
    """Return a market under the id that was made of its number, if what is held there was told under it already."""
    told, made = contracts.get(market.contract_id), unlisted_id(exchange, market.contract_id)
    if told is None or told.id != made:
        return market
    return replace(market, instrument=replace(market.instrument, id=made))


def _distinct(markets: list[Market]) -> tuple[list[Market], list[str]]:
    """Return the markets by whose name or number nothing else can be meant, and why the others are left out.

    Of contracts with one name that which may be traded keeps it, such as one that was listed anew beside the old one.
    """
    doubled = {number for number, count in Counter(each.contract_id for each in markets).items() if count > 1}
    by_name: dict[InstrumentId, list[Market]] = {}
    for market in markets:
        if market.contract_id not in doubled:
            by_name.setdefault(market.instrument.id, []).append(market)
    kept = {name: _leading(group) for name, group in by_name.items()}
    left_out = [
        f"{each.instrument.symbol}: {_why(each, doubled, kept)}"
        for each in markets
        if kept.get(each.instrument.id) is not each
    ]
    return [market for market in kept.values() if market is not None], left_out


def _leading(group: list[Market]) -> Market | None:
    """Return the one contract that the others of its name are behind; None where two are equal."""
    ranks = [_RANKS.get(each.instrument.status, _TRADED) for each in group]
    return group[ranks.index(max(ranks))] if ranks.count(max(ranks)) == 1 else None


def _why(market: Market, doubled: set[str], kept: Mapping[InstrumentId, Market | None]) -> str:
    number, name = market.contract_id, market.instrument.id
    if number in doubled:
        return f"two contracts have the number {number}"
    holder = kept[name]
    if holder is None:
        return f"contract {number} is not the only one that would be {name}"
    return f"{name} is contract {holder.contract_id}, not {number}"

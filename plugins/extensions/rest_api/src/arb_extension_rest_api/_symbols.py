"""Finding instruments by what people call them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus

from arb.api import FundingService
from arb.model import ExchangeName, Instrument, InstrumentId, name_of

from ._problems import Problem, unknown


class Symbols:
    """The instruments of every exchange by name and by asset.

    The exchanges are those of the configuration and stay. The rest is built again when instruments were
    added: none is ever taken from the listing of a run.
    """

    def __init__(self, service: FundingService) -> None:
        self._service = service
        self._exchanges = tuple(state.name for state in service.exchanges())
        self._size = -1
        self._by_name: dict[tuple[str, str], list[InstrumentId]] = {}
        self._bases: dict[str, str] = {}

    def exchange(self, name: str) -> ExchangeName:
        """Return an exchange.

        Raises:
            Problem: it is not configured.
        """
        if name not in self._exchanges:
            raise unknown("exchange", name, self._exchanges)
        return ExchangeName(name)

    def on(self, exchange: str, symbol: str) -> Sequence[Instrument]:
        """Return the instruments of an exchange that have this name or, if none has, this asset.

        Raises:
            Problem: there is no such exchange, or it lists nothing of that name.
        """
        name = self.exchange(exchange)
        found = self._found(name, symbol)
        if not found:
            listed = sorted({one.base for one in self._service.instruments.values() if one.exchange == name})
            raise unknown("symbol", symbol, listed, where=f" on {name}")
        return found

    def one(self, exchange: str, symbol: str) -> Instrument:
        """Return the one instrument of an exchange that a symbol means.

        Raises:
            Problem: there is none, or several: their names are told.
        """
        found = self.on(exchange, symbol)
        if len(found) > 1:
            names = ", ".join(name_of(each.id) for each in found)
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "ambiguous-symbol",
                f"{exchange} lists several instruments of {symbol}: ask for one of {names}",
            )
        return found[0]

    def everywhere(self, symbol: str) -> Sequence[Instrument]:
        """Return the instruments of all exchanges that have this name or asset.

        Raises:
            Problem: there is none.
        """
        found = [each for name in self._exchanges for each in self._found(name, symbol)]
        if not found:
            self._update()
            raise unknown("symbol", symbol, sorted(self._bases.values()))
        return found

    def bases(self, symbols: Iterable[str]) -> frozenset[str]:
        """Return the assets that symbols mean.

        Raises:
            Problem: one of them is no asset and no instrument.
        """
        return frozenset(each.base for symbol in symbols for each in self.everywhere(symbol))

    def _found(self, exchange: ExchangeName, symbol: str) -> list[Instrument]:
        self._update()
        listed = self._service.instruments
        ids = self._by_name.get((exchange, symbol.upper()), ())
        return [listed[key] for key in ids if key in listed]

    def _update(self) -> None:
        listed = self._service.instruments
        if len(listed) == self._size:
            return
        self._size = len(listed)
        self._by_name, self._bases = {}, {one.base.upper(): one.base for one in listed.values()}
        by_base: dict[tuple[str, str], list[InstrumentId]] = {}
        for key, one in listed.items():
            self._by_name.setdefault((one.exchange, name_of(key).upper()), []).append(key)
            by_base.setdefault((one.exchange, one.base.upper()), []).append(key)
        for place, keys in by_base.items():
            self._by_name.setdefault(place, keys)

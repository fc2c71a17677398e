"""All wallets of a run together."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from arb.model import ZERO, EquitySample, ExchangeName, InstrumentId

from ._account_flows import Flow, flows_of
from ._account_holdings import Holdings
from ._account_inputs import Inputs, Slot, Wallet
from ._account_types import Part, Parts, WalletAccount
from ._account_wallet import WalletResult, account_wallet, start_from_nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Every wallet's result, and the flows that are in none.

    Attributes:
        unvalued: Flows whose wallet has no sample, at an exchange or in a currency without a rate.
    """

    wallets: Mapping[Wallet, WalletResult]
    unvalued: Sequence[Flow]

    def parts(self) -> Mapping[Slot, Parts]:
        """Return each slot's parts in dollars, summed over the wallets."""
        sums: defaultdict[Slot, defaultdict[Part, Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
        for result in self.wallets.values():
            for cell, amount in result.amounts.items():
                sums[cell.slot][cell.part] += amount
        return {slot: Parts(**{part.value: amount for part, amount in row.items()}) for slot, row in sums.items()}

    def accounts(self) -> tuple[WalletAccount, ...]:
        """Return the wallets as reported, by exchange and currency."""
        return tuple(_account(result) for _, result in sorted(self.wallets.items()))


def book_of(inputs: Inputs, held: Holdings) -> Book:
    """Account for every wallet."""
    flows: defaultdict[Wallet, list[Flow]] = defaultdict(list)
    for flow in flows_of(inputs, held):
        flows[flow.wallet].append(flow)
    starts: dict[ExchangeName, int] = {}
    for (exchange, _), row in inputs.samples.items():
        starts[exchange] = min(row[0].ts_ns, starts.get(exchange, row[0].ts_ns))
    wallets: dict[Wallet, WalletResult] = {}
    unvalued: list[Flow] = []
    for wallet in sorted(inputs.samples.keys() | flows.keys()):
        samples = inputs.samples.get(wallet) or _empty_wallet(wallet, inputs)
        if not samples:
            unvalued += flows[wallet]
            continue
        samples = start_from_nothing(wallet, samples, flows[wallet], inputs, starts[wallet[0]])
        wallets[wallet] = account_wallet(wallet, samples, flows[wallet], inputs, held)
    return Book(wallets=wallets, unvalued=unvalued)


def _empty_wallet(wallet: Wallet, inputs: Inputs) -> tuple[EquitySample, ...]:
    """Return samples of zero for a currency the exchange never listed, at a rate known elsewhere.

    What was booked in it then shows as unexplained, which it is.
    """
    exchange, currency = wallet
    times = [sample.ts_ns for (name, _), row in inputs.samples.items() if name == exchange for sample in row]
    rate = last_rate(inputs, currency)
    if not times or rate is None:
        return ()
    return tuple(
        EquitySample(ts_ns=ts_ns, exchange=exchange, currency=currency, cash=ZERO, equity=ZERO, usd_rate=rate)
        for ts_ns in (min(times), max(times))
    )


def last_rate(inputs: Inputs, currency: str) -> Decimal | None:
    """Return the last dollar rate of a currency at any exchange; None when nobody said one."""
    known = [row[-1] for (_, name), row in inputs.samples.items() if name == currency]
    if known:
        return max(known, key=lambda sample: sample.ts_ns).usd_rate
    return Decimal(1) if currency == "USD" else None


def usd_rate(inputs: Inputs, instrument: InstrumentId, ts_ns: int) -> Decimal:
    """Return the rate of an instrument's currency at a time; 1 when nobody ever said one."""
    wallet = inputs.wallet_of(instrument)
    row = inputs.samples.get(wallet, ())
    if row:
        step = bisect_left(row, ts_ns, key=lambda sample: sample.ts_ns)
        return row[min(step, len(row) - 1)].usd_rate
    rate = last_rate(inputs, wallet[1])
    return Decimal(1) if rate is None else rate


def _account(result: WalletResult) -> WalletAccount:
    first, last = result.samples[0], result.samples[-1]
    return WalletAccount(
        exchange=first.exchange,
        currency=first.currency,
        start_ns=first.ts_ns,
        end_ns=last.ts_ns,
        start_equity=first.equity,
        end_equity=last.equity,
        start_usd_rate=first.usd_rate,
        end_usd_rate=last.usd_rate,
        equity_change=result.equity_change,
        unexplained=result.unexplained,
    )

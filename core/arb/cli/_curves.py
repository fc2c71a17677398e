"""A run as curves over time: equity, what funding brought, what trading cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

from arb.model import ZERO, EquitySample, ExchangeName
from arb.storage import FillLine, RunAccount


@dataclass(frozen=True, slots=True)
class Curve:
    """A step function: from each time on, the amount in US dollars."""

    times_ns: tuple[int, ...]
    amounts: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """The curves of a run, each as a change since its start.

    Attributes:
        equity: Of all accounts together.
        costs: Fees and slippage, negative.
        held_ns: When each hedge was held: first fill and last fill, or the end of the run.
    """

    start_ns: int
    end_ns: int
    equity: Curve
    funding: Curve
    costs: Curve
    held_ns: tuple[tuple[int, int], ...]


def curves_of(account: RunAccount, samples: Iterable[EquitySample]) -> Curves | None:
    """Return the curves; None when there is no equity sample."""
    if account.start_ns is None or account.end_ns is None:
        return None
    hedges = account.hedges
    fills = chain(account.unattributed.fills, *(hedge.fills for hedge in hedges))
    payments = chain(account.unattributed.payments, *(hedge.payments for hedge in hedges))
    return Curves(
        start_ns=account.start_ns,
        end_ns=account.end_ns,
        equity=_equity(sorted(samples, key=lambda sample: sample.ts_ns)),
        funding=_cumulated((line.settled_ns, line.usd) for line in payments),
        costs=_cumulated((line.ts_ns, _cost(line)) for line in fills),
        held_ns=tuple(
            (hedge.entry_ns, hedge.exit_ns or account.end_ns) for hedge in hedges if hedge.entry_ns is not None
        ),
    )


def _cost(line: FillLine) -> Decimal:
    return line.slippage_usd + (ZERO if line.fees_usd is None else line.fees_usd)


def _cumulated(steps: Iterable[tuple[int, Decimal]]) -> Curve:
    by_time: defaultdict[int, Decimal] = defaultdict(Decimal)
    for ts_ns, amount in steps:
        by_time[ts_ns] += amount
    times = sorted(by_time)
    amounts: list[Decimal] = []
    total = ZERO
    for ts_ns in times:
        total += by_time[ts_ns]
        amounts.append(total)
    return Curve(tuple(times), tuple(amounts))


def _equity(samples: Sequence[EquitySample]) -> Curve:
    """Add up the wallets, once for each round of samples: within a round their times differ by a little."""
    # A wallet that is first seen later counts from the start with its first amount: it is no gain.
    now = {_wallet(sample): _usd(sample) for sample in reversed(samples)}
    first = sum(now.values(), ZERO)
    times: list[int] = []
    amounts: list[Decimal] = []
    for round_ in _rounds(samples):
        now |= {_wallet(sample): _usd(sample) for sample in round_}
        times.append(round_[-1].ts_ns)
        amounts.append(sum(now.values(), ZERO) - first)
    return Curve(tuple(times), tuple(amounts))


def _rounds(samples: Iterable[EquitySample]) -> Iterator[list[EquitySample]]:
    """Yield samples in runs that hold each wallet at most once."""
    together: dict[tuple[ExchangeName, str], EquitySample] = {}
    for sample in samples:
        if _wallet(sample) in together:
            yield list(together.values())
            together = {}
        together[_wallet(sample)] = sample
    if together:
        yield list(together.values())


def _wallet(sample: EquitySample) -> tuple[ExchangeName, str]:
    return sample.exchange, sample.currency


def _usd(sample: EquitySample) -> Decimal:
    return sample.equity * sample.usd_rate

"""Forecast errors summed up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from arb.model import BPS, ZERO, Averaging, ExchangeName, exchange_of

from ._accuracy import ForecastRun, ForecastSample

_ScoreKey = tuple[ExchangeName, Averaging | None, int, Decimal]
_PERCENTILE: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastErrors:
    """Absolute errors of one way to forecast, in basis points of notional of one settlement.

    Attributes:
        p90_bps: Nine of ten errors are not larger.
    """

    count: int
    mean_bps: Decimal
    p90_bps: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastScore:
    """The errors on one exchange, for one length of the period and one moment in it.

    Attributes:
        averaging: None where the exchange's is not known: `own` is the published rate then.
        settlements: Samples, one for each instrument and settlement.
        times: Different times at which they settled. Instruments move together: these are closer to
            the number of independent observations than `settlements`.
        own_beside: Ours on the settlements of which `last` is known, to compare with it and `blend`.
        last: None, like `blend`, where the settlement before is never known.
    """

    exchange: ExchangeName
    averaging: Averaging | None
    period_ns: int
    moment: Decimal
    settlements: int
    times: int
    own: ForecastErrors
    published: ForecastErrors
    own_beside: ForecastErrors | None
    last: ForecastErrors | None
    blend: ForecastErrors | None


class ForecastScores:
    """Collects the samples of many instruments."""

    def __init__(self) -> None:
        self._samples: dict[_ScoreKey, list[ForecastSample]] = {}
        self._settlements: dict[ExchangeName, int] = {}
        self._holes: dict[ExchangeName, int] = {}

    def add(self, exchange: ExchangeName, averaging: Averaging | None, run: ForecastRun) -> None:
        """Take what was forecast of one instrument."""
        self._settlements[exchange] = self._settlements.get(exchange, 0) + run.settlements
        self._holes[exchange] = self._holes.get(exchange, 0) + run.holes
        for sample in run.samples:
            key = (exchange_of(sample.instrument), averaging, sample.period_ns, sample.moment)
            self._samples.setdefault(key, []).append(sample)

    def holes(self) -> dict[ExchangeName, tuple[int, int]]:
        """Return settlements without a truth and all settlements, by exchange."""
        return {exchange: (self._holes[exchange], count) for exchange, count in sorted(self._settlements.items())}

    def scores(self) -> tuple[ForecastScore, ...]:
        """Return a score for each exchange, period and moment."""
        ordered = sorted(self._samples.items(), key=lambda item: (item[0][0], item[0][2], item[0][3]))
        return tuple(_score(key, samples) for key, samples in ordered)


def _score(key: _ScoreKey, samples: Sequence[ForecastSample]) -> ForecastScore:
    exchange, averaging, period_ns, moment = key
    beside = [sample for sample in samples if sample.last is not None]
    return ForecastScore(
        exchange=exchange,
        averaging=averaging,
        period_ns=period_ns,
        moment=moment,
        settlements=len(samples),
        times=len({sample.due_ns for sample in samples}),
        own=_errors(sample.own - sample.came for sample in samples),
        published=_errors(sample.published - sample.came for sample in samples),
        own_beside=_known(sample.own - sample.came for sample in beside),
        last=_known(sample.last - sample.came for sample in beside if sample.last is not None),
        blend=_known(sample.blend - sample.came for sample in beside if sample.blend is not None),
    )


def _known(errors: Iterable[Decimal]) -> ForecastErrors | None:
    held = list(errors)
    return _errors(held) if held else None


def _errors(errors: Iterable[Decimal]) -> ForecastErrors:
    held = sorted(abs(error) / BPS for error in errors)
    rank = -(-len(held) * _PERCENTILE // 100) - 1
    return ForecastErrors(count=len(held), mean_bps=sum(held, ZERO) / len(held), p90_bps=held[rank])

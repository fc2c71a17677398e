"""No hedge is forgotten: what an earlier session left open must still have its exchanges and its strategy."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from arb.api import ConfigError, Exchange
from arb.model import ExchangeName, Hedge, HedgeStatus, exchange_of
from arb.storage import Journal

LIVE = (
    HedgeStatus.OPENING,
    HedgeStatus.OPEN,
    HedgeStatus.CLOSING,
    HedgeStatus.REPAIRING,
    HedgeStatus.HALTED,
)
"""Every status in which a leg may be open."""


async def check_attended(
    journal: Journal, exchanges: Mapping[ExchangeName, Exchange], strategies: Collection[str]
) -> None:
    """Refuse to start while a stored hedge could be neither watched nor closed.

    A halted hedge waits for a person, so it needs no strategy.

    Raises:
        ConfigError: one line for each table that is missing.
    """
    hedges = await journal.hedges(statuses=LIVE)
    problems = [*_exchange_problems(hedges, exchanges), *_strategy_problems(hedges, strategies)]
    if problems:
        raise ConfigError("\n".join(problems))


def _exchange_problems(hedges: Collection[Hedge], exchanges: Mapping[ExchangeName, Exchange]) -> Iterator[str]:
    for name in sorted({exchange_of(leg.instrument) for hedge in hedges for leg in hedge.legs}):
        held = _names(hedge for hedge in hedges if any(exchange_of(leg.instrument) == name for leg in hedge.legs))
        exchange = exchanges.get(name)
        if exchange is None:
            yield (
                f"[exchanges.{name}]: is not in the configuration, and the stored run still has positions there: "
                f"{held}. Put the table back until they are closed"
            )
        elif exchange.trading is None:
            yield (
                f"[exchanges.{name}]: has no account to trade with, and the stored run still has positions there: "
                f"{held}. Give it its keys until they are closed"
            )


def _strategy_problems(hedges: Collection[Hedge], strategies: Collection[str]) -> Iterator[str]:
    attended = [hedge for hedge in hedges if hedge.status is not HedgeStatus.HALTED]
    for name in sorted({hedge.strategy for hedge in attended} - set(strategies)):
        held = _names(hedge for hedge in attended if hedge.strategy == name)
        yield (
            f"[strategies.{name}]: is not in the configuration, and nobody else would close what it opened: "
            f"{held}. Put the table back, by the same name, until they are closed"
        )


def _names(hedges: Iterator[Hedge]) -> str:
    return ", ".join(f"hedge {hedge.id} ({hedge.base}, {hedge.status})" for hedge in hedges)

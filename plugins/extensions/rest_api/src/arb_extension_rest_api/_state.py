"""GET /exchanges and /health."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from arb.api import Capability, ExchangeState

from ._desk import Desk
from ._values import Answer, Moment, Params, moment


class ExchangeRow(Answer):
    """One configured exchange."""

    name: str
    capabilities: tuple[Capability, ...]
    instruments: int = Field(description="How many it lists.")
    collected_at: Moment | None = Field(description="When it last told everything it is asked for at intervals.")
    collected_ns: int | None
    failures: tuple[str, ...] = Field(description="What could not be read the last time.")
    quarantine: str = Field(description="Why its rates are not used; empty while they are.")


class Exchanges(Answer):
    """The configured exchanges, in the order of the configuration."""

    now_at: Moment | None
    now_ns: int
    exchanges: tuple[ExchangeRow, ...]


class Health(Answer):
    """How the run is."""

    status: Literal["ok", "starting", "degraded"] = Field(
        description="`starting` until every exchange was read once; `degraded` while there are problems."
    )
    problems: tuple[str, ...] = Field(description="What is wrong, one line each.")
    halted: bool = Field(description="Whether a halt forbids opening risk somewhere. `/positions` says which.")
    now_at: Moment | None
    now_ns: int
    started_at: Moment | None
    started_ns: int
    exchanges: int
    instruments: int


async def exchanges(desk: Desk, params: Params) -> Exchanges:
    """List the configured exchanges and when they were last read."""
    service = desk.service
    return Exchanges(
        now_at=moment(service.now_ns),
        now_ns=service.now_ns,
        exchanges=tuple(_exchange(each) for each in service.exchanges()),
    )


def _exchange(state: ExchangeState) -> ExchangeRow:
    return ExchangeRow(
        name=state.name,
        capabilities=tuple(sorted(state.capabilities)),
        instruments=state.instruments,
        collected_at=moment(state.collected_ns),
        collected_ns=state.collected_ns,
        failures=state.failures,
        quarantine=state.quarantine,
    )


async def health(desk: Desk, params: Params) -> Health:
    """Say how the run is; the status is 200 as long as it can answer."""
    service = desk.service
    states = service.exchanges()
    problems = tuple(line for state in states for line in _problems(state))
    halted = bool(service.halts())
    waiting = any(state.collected_ns is None for state in states)
    return Health(
        status="degraded" if problems or halted else "starting" if waiting else "ok",
        problems=problems,
        halted=halted,
        now_at=moment(service.now_ns),
        now_ns=service.now_ns,
        started_at=moment(service.started_ns),
        started_ns=service.started_ns,
        exchanges=len(states),
        instruments=len(service.instruments),
    )


def _problems(state: ExchangeState) -> Iterator[str]:
    for line in state.failures:
        yield f"{state.name}: {line}"
    if state.quarantine:
        yield f"{state.name} is not used: {state.quarantine}"

"""Exchange kit: what every group of cases stands on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
from pydantic import BaseModel

from arb.api import Capability, Context, Exchange, ExchangeSpec
from arb.model import SECOND_NS

from ._fakes_world import FAKE_ADDRESS
from ._kit import Conformance, filled, require
from ._kit_desk import Desk
from ._kit_ground import FAKE, Ground

REMEMBERED_NS: Final = 5 * SECOND_NS
"""For so long at most may a plugin hand out an answer again: it spares the venue's limits."""

STREAMS: Final = frozenset({Capability.BOOK_STREAM, Capability.TRADE_STREAM, Capability.ACCOUNT_STREAM})

Body = Callable[[Desk], Awaitable[None]]
Make = Callable[[Context], AbstractAsyncContextManager[Exchange]]
Play = Callable[[Callable[[], Awaitable[None]]], None]


class Use(Protocol):
    """Runs the body of a case on an open exchange, if the plugin declares what it needs."""

    def __call__(self, body: Body, *needed: str, ahead_ns: int = 0) -> None:
        """Run it.

        Args:
            body: Gets the desk.
            needed: Capabilities, and `FAKE` for a body that looks behind the wire.
            ahead_ns: How far the plugin's clock is ahead of the venue's.
        """
        ...


def declared_by(spec: ExchangeSpec) -> frozenset[str]:
    """Return what a plugin can be tested for: with a fake venue time can be waited for, as in a simulated one."""
    return frozenset({*spec.capabilities, FAKE, Capability.SIMULATED} if spec.fake else spec.capabilities)


class ExchangeCases(Conformance):
    """Base of the groups.

    A plugin whose spec brings a fake venue is opened over it; every case then has a venue and an account of
    its own, and can look at what is true there. Another one is opened with the settings of `CONFORMANCE`.
    """

    hook = "arb_exchanges"
    spec_type = ExchangeSpec

    @pytest.fixture
    def settings(self, spec: ExchangeSpec, options: Mapping[str, Any], tmp_path: Path) -> BaseModel:
        """Return the settings of the fake, if there is one, changed by those of `CONFORMANCE`."""
        mine = filled(options.get("settings", {}), tmp_path)
        faked = {} if spec.fake is None else dict(spec.fake.settings(FAKE_ADDRESS))
        return spec.settings.model_validate({**faked, **mine})

    @pytest.fixture
    def ground(self, spec: ExchangeSpec, settings: BaseModel) -> Ground | None:
        """Return the fake venue; None without one."""
        return None if spec.fake is None else Ground(spec, settings)

    @pytest.fixture
    def context(self, ground: Ground | None, options: Mapping[str, Any]) -> Callable[[], Context]:
        """Return a function that makes the plugin's context inside the loop; state outlives the contexts."""
        return self.plain_contexts() if ground is None else ground.context

    @pytest.fixture
    def make(self, spec: ExchangeSpec, settings: BaseModel, ground: Ground | None) -> Make:
        """Return a function that opens the plugin."""
        return (lambda context: spec.open(settings, context)) if ground is None else ground.client

    @pytest.fixture
    def use(
        self,
        spec: ExchangeSpec,
        make: Make,
        context: Callable[[], Context],
        play: Play,
        options: Mapping[str, Any],
        ground: Ground | None,
    ) -> Use:
        """Return a function that runs a case on an open exchange, if it declares what the case needs."""

        def run(body: Body, *needed: str, ahead_ns: int = 0) -> None:
            require(declared_by(spec), *needed)

            async def case() -> None:
                if ground is not None:
                    ground.ahead_ns = ahead_ns
                lent = context()
                async with make(lent) as exchange:
                    desk = await Desk.open(exchange, lent, options, ground)
                    await played(desk, body)

            play(case)

        return run


async def played(desk: Desk, body: Body) -> None:
    """Run a body; an account that outlives the case ends flat, and what went wrong first is what is told."""
    outlives = not desk.has_ground and Capability.TRADING in desk.exchange.capabilities
    try:
        await body(desk)
    except BaseException:
        if outlives:
            with suppress(Exception):
                await desk.flatten()
        raise
    if outlives:
        await desk.flatten()

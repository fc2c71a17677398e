from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arb.api import Exchange, ExchangeSpec, FakeVenue, HttpRequest, HttpResponse, Trading
from arb.model import ClientOrderId, Instrument, Order, OrderRequest, Side, TimeInForce
from arb.net import EvmKey
from arb.simulation import Faults, SimulatedExchange, VirtualClock, run_virtual
from arb.testing import START_NS, FakeContext, FakeWorld, Wire, recorded_data
from arb_exchange_hyperliquid import plugin
from arb_exchange_hyperliquid._signing import ActionSigner
from arb_exchange_hyperliquid.fake import AGENT_SECRET, fake_settings

FAKE_ADDRESS = "http://fake.test"
RECURSION = sys.getrecursionlimit()
DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[4] / "../shared/data"))


def pytest_collection_finish() -> None:
    """Put the recursion limit back: with eth-account comes what raises it so far that deep JSON ends the process."""
    sys.setrecursionlimit(RECURSION)


@pytest.fixture(scope="session")
def vectors() -> Any:
    """Return what the official SDK signed with throw-away keys."""
    return json.loads(recorded_data(DATA.parent / "venues/vectors/hyperliquid.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], Any]:
    """Return a function that reads one JSON file of the recorded messages."""
    return lambda name: json.loads(recorded_data(DATA / "wire" / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def taped() -> Callable[[str], Any]:
    """Return a function that reads the last answer of a tape of the official SDK's tests."""

    def read(name: str) -> Any:
        yaml = pytest.importorskip("yaml")
        tape = yaml.safe_load(
            recorded_data(DATA / "wire/hyperliquid-python-sdk-vcr" / name).read_text(encoding="utf-8")
        )
        return json.loads(tape["interactions"][-1]["response"]["body"]["string"])

    return read


@pytest.fixture(scope="session")
def documented() -> Callable[[str], Any]:
    """Return a function that reads the answer in a file of another client's tests: three lines, then the answer."""

    def read(name: str) -> Any:
        text = recorded_data(DATA / "wire/jkorf/hyperliquid" / name).read_text(encoding="utf-8-sig")
        if text.lstrip().startswith(">"):
            return json.loads(text.partition("\n=")[2].strip())
        return json.loads(text.split("\n", 3)[3])

    return read


@pytest.fixture(scope="session")
def commented() -> Callable[..., Any]:
    """Return a function that finds an answer in ccxt's comments by method, and by its place among those of it."""

    def read(method: str, place: int = 0) -> Any:
        path = recorded_data(DATA / "wire/ccxt-comment-examples/hyperliquid.json")
        rows = [row["json"] for row in json.loads(path.read_text(encoding="utf-8")) if row["method"] == method]
        return rows[place]

    return read


@dataclass
class Stage:
    """A fake venue in virtual time, and clients of it.

    Attributes:
        world: What outlives clients.
        wire: Between the clients and the venue.
        edit: Changes what the venue answers to a read of a type.
    """

    spec: ExchangeSpec
    truth: SimulatedExchange
    venue: FakeVenue
    world: FakeWorld
    clock: VirtualClock
    wire: Wire = field(default_factory=Wire)
    made: dict[tuple[type, str], object] = field(default_factory=dict)
    edit: dict[str, Callable[[Any], Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Lay the line."""
        self.wire.venue, self.wire.clock, self.wire.change = self.venue, self.clock, self._edited

    @property
    def requests(self) -> list[tuple[str, Any]]:
        """Return every HTTP request of the clients, with its JSON."""
        return [(each.url.removeprefix(FAKE_ADDRESS), json.loads(each.body)) for each in self.wire.requests]

    def _edited(self, request: HttpRequest, answer: HttpResponse) -> HttpResponse:
        change = self.edit.get(json.loads(request.body).get("type", ""))
        if change is None:
            return answer
        return replace(answer, body=json.dumps(change(json.loads(answer.body))).encode())

    @asynccontextmanager
    async def client(self, settings: Mapping[str, Any] | None = None) -> AsyncIterator[Exchange]:
        """Open the plugin with the fake's settings, changed by these; what is None is left out."""
        wanted = {**fake_settings(FAKE_ADDRESS), **(settings or {})}
        validated = self.spec.settings.model_validate(
            {key: value for key, value in wanted.items() if value is not None}
        )
        context = FakeContext(
            self.world.name,
            seed=self.world.seed,
            clock=self.clock,
            http=self.wire,
            websocket=self.wire,
            state=self.world.client_state,
            ids=self.world.client_ids,
            made=self.made,
        )
        async with self.spec.open(validated, context) as exchange:
            yield exchange

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        """Send a request of a client that is not ours."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await self.venue.send(HttpRequest(method="POST", url=FAKE_ADDRESS + path, body=raw))
        try:
            return answer.status, json.loads(answer.body)
        except ValueError:
            return answer.status, answer.body.decode()

    async def act(self, action: Mapping[str, Any], *, nonce: int | None = None, **options: Any) -> Any:
        """Sign an action as a client that is not ours, send it and return the venue's answer.

        Args:
            action: What to do.
            nonce: Now, unless given.
            options: `secret`, `network`, `vault`, `expires`.
        """
        secret, network = options.get("secret", AGENT_SECRET), options.get("network", "mainnet")
        signer = ActionSigner(EvmKey(secret), network, vault=options.get("vault"))
        number = self.now_ms if nonce is None else nonce
        return (await self.post("/exchange", signer.body(action, number, options.get("expires"))))[1]

    @property
    def now_ms(self) -> int:
        """Return the time."""
        return self.clock.now_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await self.clock.sleep_until(self.clock.now_ns() + int(seconds * 1e9))

    def trading(self, exchange: Exchange) -> Trading:
        """Return the private side, which is there."""
        assert exchange.trading is not None
        return exchange.trading

    async def instrument(self, exchange: Exchange, base: str = "ETH") -> Instrument:
        """Return the instrument of an asset."""
        return next(one for one in await exchange.market.fetch_instruments() if one.base == base)

    async def order(self, exchange: Exchange, name: str, side: Side = Side.BUY, **changes: Any) -> OrderRequest:
        """Return an order of ETH that fills at once, with anything changed; `away` makes it rest."""
        instrument = changes.pop("instrument", None) or await self.instrument(exchange)
        bbo = await exchange.market.fetch_bbo(instrument.id)
        reach = Decimal("-0.03") if changes.pop("away", False) else Decimal("0.03")
        wanted = {
            "quantity": Decimal("0.05"),
            "price": bbo.price_to(side) * (1 + reach * side.sign),
            "time_in_force": TimeInForce.GTC if reach < 0 else TimeInForce.IOC,
            **changes,
        }
        return OrderRequest(client_order_id=ClientOrderId(name), instrument=instrument.id, side=side, **wanted)

    async def sent(self, exchange: Exchange, name: str, side: Side = Side.BUY, **changes: Any) -> Order:
        """Send such an order."""
        trading = self.trading(exchange)
        return await trading.send_order(await trading.prepare_order(await self.order(exchange, name, side, **changes)))


Play = Callable[..., None]


@pytest.fixture
def play() -> Play:
    """Return a function that plays a scene in virtual time; `memory` is put into the fake beforehand."""

    def run(
        scene: Callable[[Stage], Awaitable[None]],
        *,
        memory: Mapping[str, Any] | None = None,
        faults: Faults | None = None,
    ) -> None:
        async def whole() -> None:
            (spec,) = plugin.arb_exchanges()
            world, clock = FakeWorld(memory=dict(memory or {})), VirtualClock.of_running_loop()
            async with world.ground(spec, clock, faults=faults) as (truth, venue):
                await scene(Stage(spec, truth, venue, world, clock))

        run_virtual(whole(), start_ns=START_NS)

    return run

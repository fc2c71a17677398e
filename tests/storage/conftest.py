from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from arb.api import Storage
from arb.model import (
    ZERO,
    ClientOrderId,
    EquitySample,
    ExchangeOrderId,
    Fill,
    FillId,
    FundingPayment,
    Hedge,
    HedgeId,
    HedgeStatus,
    InstrumentId,
    Leg,
    Liquidity,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    PaymentId,
    PositionSample,
    PositionSide,
    Side,
    exchange_of,
)
from arb.storage import Journal, RunAccount, account_run
from arb.testing import FakeContext, MemoryStorage, sample_instrument

if TYPE_CHECKING:
    from arb_storage_postgres.testing import PostgresServer

T = TypeVar("T")


async def _with_tables() -> bytes:
    storage = MemoryStorage()
    await Journal.open(storage)
    return storage.image()


TABLES: Final = asyncio.run(_with_tables())
"""A database in which a journal was opened: to make its tables takes longer than most tests."""


def with_journal(body: Callable[[Journal], Awaitable[T]]) -> T:
    """Run a test on a journal in memory."""

    async def run() -> T:
        storage = MemoryStorage(TABLES)
        try:
            return await body(await Journal.open(storage))
        finally:
            storage.close()

    return asyncio.run(run())


A = sample_instrument("one", "COIN", quote="USDC").id
B = sample_instrument("two", "COIN", quote="USDT").id
HEDGES = ("h1", "h2")


class Toy:
    """Two venues that keep exact books, and the journal entries they give rise to.

    A wallet holds deposits, minus the signed cost of every fill, minus fees, plus funding; equity is
    that plus the value of what is held, so that it is exact whatever was traded.
    """

    def __init__(self) -> None:
        self.now = 1_000
        self.rates = {"USDC": Decimal(1), "USDT": Decimal(1), "FEE": Decimal(2)}
        self.wallets: defaultdict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
        self.wallets["one", "USDC"] = Decimal(1000)
        self.wallets["two", "USDT"] = Decimal(1000)
        self.held: defaultdict[InstrumentId, Decimal] = defaultdict(lambda: ZERO)
        self.marks = {A: Decimal(100), B: Decimal(101)}
        self.fills: list[Fill] = []
        self.orders: list[OrderRecord] = []
        self.payments: list[FundingPayment] = []
        self.equity: list[EquitySample] = []
        self.positions: list[PositionSample] = []
        self.hedges = {name: hedge(name) for name in HEDGES}

    def trade(
        self,
        instrument: InstrumentId,
        signed: str | Decimal,
        price: str | Decimal,
        *,
        owner: str | None = "h1",
        arrival: str | Decimal | None = None,
        fee: str | Decimal = "0.05",
        fee_currency: str | None = None,
    ) -> None:
        signed, price, fee = Decimal(signed), Decimal(price), Decimal(fee)
        number = len(self.fills)
        side = Side.BUY if signed > 0 else Side.SELL
        currency = "USDC" if instrument == A else "USDT"
        fill = Fill(
            fill_id=FillId(f"f{number}"),
            client_order_id=ClientOrderId(f"o{number}"),
            exchange_order_id=ExchangeOrderId(f"x{number}"),
            instrument=instrument,
            side=side,
            price=price,
            quantity=abs(signed),
            fee=fee,
            fee_currency=fee_currency or currency,
            liquidity=Liquidity.TAKER,
            ts_event_ns=self.now,
        )
        self.fills.append(fill)
        self.held[instrument] += signed
        exchange = exchange_of(instrument)
        self.wallets[exchange, currency] -= signed * price
        self.wallets[exchange, fill.fee_currency] -= fee
        if owner is not None:
            self.orders.append(order_of(fill, owner, price if arrival is None else Decimal(arrival)))

    def pay(self, instrument: InstrumentId, amount: str | Decimal, *, says_quantity: bool = True) -> None:
        currency = "USDC" if instrument == A else "USDT"
        self.wallets[exchange_of(instrument), currency] += Decimal(amount)
        self.payments.append(
            FundingPayment(
                payment_id=PaymentId(f"p{len(self.payments)}"),
                instrument=instrument,
                amount=Decimal(amount),
                currency=currency,
                settled_ns=self.now,
                quantity=self.held[instrument] if says_quantity else None,
                rate=Decimal("0.0001"),
            )
        )

    def sample(self) -> None:
        for (exchange, currency), cash in self.wallets.items():
            value = sum((q * self.marks[i] for i, q in self.held.items() if books(i) == (exchange, currency)), ZERO)
            self.equity.append(
                EquitySample(
                    ts_ns=self.now,
                    exchange=exchange_of(InstrumentId(f".{exchange}")),
                    currency=currency,
                    cash=cash,
                    equity=cash + value,
                    usd_rate=self.rates[currency],
                )
            )
        self.positions += [
            PositionSample(ts_ns=self.now, instrument=instrument, quantity=quantity, mark_price=self.marks[instrument])
            for instrument, quantity in self.held.items()
            if quantity
        ]

    def account(self, start_ns: int | None = None, end_ns: int | None = None, *, order: Any = list) -> RunAccount:
        async def run() -> RunAccount:
            storage = MemoryStorage(TABLES)
            journal = await Journal.open(storage)
            instruments = [sample_instrument("one", "COIN"), sample_instrument("two", "COIN", quote="USDT")]
            async with journal.transaction() as tx:
                await tx.put_instruments(instruments, seen_ns=0)
                for one in self.hedges.values():
                    await tx.put_hedge(one)
                for record in self.orders:
                    await tx.put_order(record)
                fills, payments = order(self.fills), order(self.payments)
                for number in range(0, len(fills), 3):
                    await tx.add_fills(fills[max(0, number - 2) : number + 3])
                await tx.add_funding_payments(payments)
                await tx.add_funding_payments(payments[::2])
                await tx.add_equity(self.equity)
                await tx.add_positions(self.positions)
            found = await account_run(journal, start_ns, end_ns)
            storage.close()
            check(found)
            return found

        return asyncio.run(run())


def books(instrument: InstrumentId) -> tuple[str, str]:
    return ("one", "USDC") if instrument == A else ("two", "USDT")


def hedge(name: str) -> Hedge:
    legs = tuple(
        Leg(instrument=instrument, side=side, target_quantity=Decimal(1), multiplier=Decimal(1))
        for instrument, side in ((A, PositionSide.LONG), (B, PositionSide.SHORT))
    )
    return Hedge(
        id=HedgeId(name),
        strategy="carry",
        base="COIN",
        legs=legs,
        status=HedgeStatus.OPEN,
        created_ns=1_000,
        opened_ns=1_001,
        max_slippage_bps=Decimal(10),
        entry_reason="carry",
    )


def order_of(fill: Fill, owner: str, arrival: Decimal) -> OrderRecord:
    request = OrderRequest(
        client_order_id=fill.client_order_id,
        instrument=fill.instrument,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
    )
    return OrderRecord(
        order=Order(request=request, status=OrderStatus.FILLED, filled_quantity=fill.quantity),
        hedge_id=HedgeId(owner),
        leg_index=0 if fill.instrument == A else 1,
        purpose=OrderPurpose.ENTRY,
        attempt=1,
        arrival_price=arrival,
        created_ns=fill.ts_event_ns,
    )


def check(account: RunAccount) -> None:
    """Whatever happened: hedges and the rest make the whole, and the whole is the change of equity."""
    with localcontext() as context:
        context.prec = 400
        whole = account.unattributed.parts
        for one in account.hedges:
            assert one.parts.total == one.total_usd == sum((leg.total_usd for leg in one.legs), ZERO)
            whole = whole.plus(one.parts)
        assert whole == account.parts
        assert account.parts.total + account.unexplained == account.equity_change
        assert account.equity_end_usd - account.equity_start_usd == account.equity_change
        assert sum((row.unexplained for row in account.wallets), ZERO) == account.unexplained


@pytest.fixture(scope="session")
def new_toy() -> Callable[[], Toy]:
    """Return a function that makes two venues with a thousand dollars each."""
    return Toy


NewStorage = Callable[[], AbstractAsyncContextManager[Storage]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """Run a PostgreSQL server; skip where its plugin is not installed."""
    pytest.importorskip("arb_storage_postgres")
    from arb_storage_postgres.testing import running_server

    with running_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def on_server(server: PostgresServer, request: pytest.FixtureRequest) -> NewStorage:
    """Return a function that opens an empty database of the server."""
    name = re.sub(r"\W+", "_", request.node.name.lower())[:60]
    return lambda: _on_server(server, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_storage(request: pytest.FixtureRequest) -> NewStorage:
    """Return a function that opens an empty storage of either dialect."""
    found: NewStorage = _in_memory if request.param == "sqlite" else request.getfixturevalue("on_server")
    return found


@pytest.fixture
def few(request: pytest.FixtureRequest, new_storage: NewStorage) -> settings:
    """Return how many examples hypothesis tries: a database on a server takes longer to make."""
    examples = 60 if new_storage is _in_memory else 12
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


@asynccontextmanager
async def _in_memory() -> AsyncIterator[Storage]:
    storage = MemoryStorage()
    try:
        yield storage
    finally:
        storage.close()


@asynccontextmanager
async def _on_server(server: PostgresServer, name: str) -> AsyncIterator[Storage]:
    from arb_storage_postgres._settings import PostgresSettings
    from arb_storage_postgres._storage import open_storage

    server.create(name)
    async with open_storage(PostgresSettings.model_validate(server.settings(name)), FakeContext("test")) as storage:
        yield storage

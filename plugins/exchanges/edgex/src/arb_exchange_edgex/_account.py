"""What an EdgeX account holds: positions, collateral, payments, transfers. Functions without I/O.

The venue's own `amount` of a currency falls by the whole price of what is bought: it is no cash in our meaning. Its
`totalEquity` is that amount with every position at its value, and cash is that equity without the profit of what is
open.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.model import (
    ZERO,
    Balance,
    ExchangeName,
    FundingPayment,
    InstrumentId,
    MarginMode,
    PaymentId,
    Position,
    Transfer,
    TransferId,
    TransferKind,
)
from arb.net import Row, from_ms, maybe_number, maybe_positive, number, positive, row_of, rows_of, text

from ._fields import either, shortened
from ._listing import Listing
from ._markets import Market

MODES: Final[Mapping[str, MarginMode]] = MappingProxyType(
    {"0": MarginMode.CROSS, "1": MarginMode.ISOLATED, "CROSS": MarginMode.CROSS, "ISOLATED": MarginMode.ISOLATED}
)
MODE_NUMBERS: Final[Mapping[MarginMode, int]] = MappingProxyType({MarginMode.CROSS: 0, MarginMode.ISOLATED: 1})

PAYMENT: Final = "POSITION_FUNDING"
TRANSFER_KINDS: Final[Mapping[str, TransferKind]] = MappingProxyType(
    {
        "DEPOSIT": TransferKind.DEPOSIT,
        "WITHDRAW": TransferKind.WITHDRAWAL,
        "TRANSFER_IN": TransferKind.DEPOSIT,
        "TRANSFER_OUT": TransferKind.WITHDRAWAL,
        "FILL_FEE_INCOME": TransferKind.OTHER,
        "BUG_FIX_COLLATERAL_TRANSACTION_TYPE": TransferKind.OTHER,
    }
)
_BOOKED: Final = frozenset({"CENSOR_SUCCESS", "L2_APPROVED"})
"""`censorStatus` of what is done; what is under way or was refused is no booking."""


def positions_of(listing: Listing, data: Any, now_ns: int) -> list[Position]:
    """Read the positions of `getAccountAsset`; the venue nets, so a contract has one at most. Raises ValueError."""
    answer = row_of(data)
    values = {str(row["contractId"]): shortened(row) for row in rows_of(answer["positionAssetList"])}
    rows = [row for row in rows_of(answer["positionList"]) if number(row["openSize"])]
    account, names = row_of(answer["account"]), listing.apart(row["contractId"] for row in rows)
    return [
        _position(names[str(row["contractId"])], row, values[str(row["contractId"])], account, now_ns) for row in rows
    ]


def _position(name: InstrumentId, row: Row, value: Row, account: Row, now_ns: int) -> Position:
    quantity = number(row["openSize"])
    mark = abs(number(value["positionValue"])) / abs(quantity)
    told = row.get("marginMode")
    return Position(
        instrument=name,
        quantity=quantity,
        entry_price=positive(value["avgEntryPrice"]),
        mark_price=mark,
        unrealized_pnl=number(either(value, "unrealizePnl", "unrealizedPnl")),
        liquidation_price=maybe_positive(either(value, "liquidatePrice", "liquidationPrice")),
        leverage=maybe_number(value.get("maxLeverage")),
        margin_mode=mode_of(account, str(row["contractId"])) if told in (None, "") else MODES[told],
        ts_event_ns=now_ns,
    )


def balances_of(listing: Listing, data: Any, now_ns: int) -> list[Balance]:
    """Read the currencies of `getAccountAsset`. Raises ValueError."""
    answer = row_of(data)
    profits: dict[str, Decimal] = {}
    for row in map(shortened, rows_of(answer["positionAssetList"])):
        if profit := number(either(row, "unrealizePnl", "unrealizedPnl")):
            coin_id = str(row.get("coinId") or listing.contract(row["contractId"]).coin_id)
            profits[coin_id] = profits.get(coin_id, ZERO) + profit
    found = []
    for row in map(shortened, rows_of(answer["collateralAssetModelList"])):
        coin_id, equity = str(row["coinId"]), number(row["totalEquity"])
        found.append(
            Balance(
                currency=listing.coin(coin_id),
                cash=equity - profits.pop(coin_id, ZERO),
                equity=equity,
                available=min(number(either(row, "availableAmount", "availableBalance")), equity),
                maintenance_margin=maybe_number(row.get("riskValue", row.get("starkExRiskValue"))),
                ts_event_ns=now_ns,
            )
        )
    if any(profits.values()):
        raise ValueError("positions in a currency that is not listed")
    return found


def leverage_of(account: Row, market: Market) -> Decimal:
    """Return the leverage of a contract: its own, the account's for all, or the venue's default. Raises ValueError."""
    settings = row_of(account.get("contractIdToTradeSetting") or {})
    for setting in (settings.get(market.contract_id), account.get("defaultTradeSetting")):
        if setting and row_of(setting).get("isSetMaxLeverage"):
            return positive(setting["maxLeverage"])
    if market.default_leverage is None:
        raise ValueError(f"{market.instrument.symbol} has no leverage set")
    return market.default_leverage


def mode_of(account: Row, contract_id: str) -> MarginMode:
    """Return the margin mode of a contract; one that the venue does not name is cross, as every one is at first."""
    told = row_of(account.get("contractIdToMarginMode") or {}).get(contract_id)
    return MarginMode.CROSS if told in (None, "") else MODES[str(told)]


def payment_of(listing: Listing, row: Row) -> FundingPayment | None:
    """Read a `collateralTransaction`; None for one that is no funding. What it adds to the collateral is received.

    A change of the collateral has one meaning of its sign only; `deltaFundingFee` of the position beside it has two.
    """
    if row["type"] != PAYMENT:
        return None
    return FundingPayment(
        payment_id=PaymentId(text(row["id"])),
        instrument=listing.contract(paid_in(row)).id,
        amount=number(row["deltaAmount"]),
        currency=listing.coin(row["coinId"]),
        settled_ns=from_ms(row["fundingTime"]),
        quantity=maybe_number(row.get("fundingPositionSize")),
        price=maybe_positive(row.get("fundingOraclePrice")),
        rate=maybe_number(row.get("fundingRate")),
    )


def paid_in(row: Row) -> Any:
    """Return the number of the contract of a funding payment."""
    return row.get("positionContractId") or row.get("contractId")


def transfer_of(exchange: str, listing: Listing, row: Row) -> Transfer | None:
    """Read a `collateralTransaction`; None for one that is no transfer, or is not done."""
    kind, amount = TRANSFER_KINDS.get(row["type"]), number(row["deltaAmount"])
    if kind is None or not amount or row.get("censorStatus") not in (None, "", *_BOOKED):
        return None
    return Transfer(
        transfer_id=TransferId(text(row["id"])),
        exchange=ExchangeName(exchange),
        kind=kind,
        currency=listing.coin(row["coinId"]),
        amount=amount,
        ts_event_ns=from_ms(row["createdTime"]),
    )

"""The conformance kit of exchanges: every group of cases together."""

from __future__ import annotations

from ._kit_exchange_account_stream import AccountStreamCases
from ._kit_exchange_accounting import AccountingCases
from ._kit_exchange_ambiguous import AmbiguousCases
from ._kit_exchange_book_stream import BookStreamCases
from ._kit_exchange_books import BookCases
from ._kit_exchange_cancels import CancelCases
from ._kit_exchange_client_ids import ClientIdCases
from ._kit_exchange_clock import ClockCases
from ._kit_exchange_closing import ClosingCases
from ._kit_exchange_contract import ContractCases
from ._kit_exchange_errors import ErrorCases
from ._kit_exchange_funding import FundingCases
from ._kit_exchange_leverage import LeverageCases
from ._kit_exchange_metadata import MetadataCases
from ._kit_exchange_orders import OrderCases
from ._kit_exchange_payments import PaymentCases
from ._kit_exchange_precision import PrecisionCases
from ._kit_exchange_prices import PriceCases
from ._kit_exchange_rates import RateCases
from ._kit_exchange_reduce_only import ReduceOnlyCases
from ._kit_exchange_secrets import SecretCases
from ._kit_exchange_switch import SwitchCases
from ._kit_exchange_symbols import SymbolCases


class ExchangeConformance(
    ContractCases,
    MetadataCases,
    SymbolCases,
    BookCases,
    PriceCases,
    FundingCases,
    PaymentCases,
    OrderCases,
    PrecisionCases,
    AmbiguousCases,
    ClientIdCases,
    ReduceOnlyCases,
    CancelCases,
    ErrorCases,
    RateCases,
    BookStreamCases,
    AccountStreamCases,
    ClockCases,
    SecretCases,
    ClosingCases,
    AccountingCases,
    LeverageCases,
    SwitchCases,
):
    """Cases X-001 to X-313.

    A plugin that brings a fake of its venue (`ExchangeSpec.fake`) is opened over it, and every case gets a venue
    and an account of its own. Without one, every case needs a flat account and leaves it flat, and the cases that
    look behind the wire are skipped. `CONFORMANCE` may name `base`, the asset to trade (default: the first that
    is open).
    """

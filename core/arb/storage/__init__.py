"""The journal over a storage plugin, and the accounts of a run drawn from it."""

from ._account import account_run
from ._account_holdings import Holding, share_payment
from ._account_types import (
    FillLine,
    HedgeAccount,
    LegAccount,
    Part,
    Parts,
    PaymentLine,
    RunAccount,
    Unattributed,
    WalletAccount,
    decimal_text,
    exact_sums,
    is_explained,
)
from ._bookkeeping import EntryFilter
from ._bookkeeping_types import EntryKind, LedgerEntry, LedgerLine
from ._copy import copy_database, count_rows
from ._expected import match_tolerance_ns
from ._journal import Journal, JournalTransaction
from ._paid_funding import FundingState, SettledFunding, differs, settled_funding
from ._pnl import Pnl, PnlBy, PnlRow, pnl
from ._reader import JournalReader
from ._record_of import HedgeRecord
from ._schema import MIGRATIONS, stored_version
from ._state_store import JournalStateStore

__all__ = [
    "EntryFilter",
    "EntryKind",
    "FillLine",
    "FundingState",
    "HedgeAccount",
    "HedgeRecord",
    "Holding",
    "Journal",
    "JournalReader",
    "JournalStateStore",
    "JournalTransaction",
    "LedgerEntry",
    "LedgerLine",
    "LegAccount",
    "MIGRATIONS",
    "Part",
    "Parts",
    "PaymentLine",
    "Pnl",
    "PnlBy",
    "PnlRow",
    "RunAccount",
    "SettledFunding",
    "Unattributed",
    "WalletAccount",
    "account_run",
    "copy_database",
    "count_rows",
    "decimal_text",
    "differs",
    "exact_sums",
    "is_explained",
    "match_tolerance_ns",
    "pnl",
    "settled_funding",
    "share_payment",
    "stored_version",
]

"""The journal over a storage plugin, and the accounts of a run drawn from it."""

from ._account import account_run
from ._account_types import (
    FillLine,
    HedgeAccount,
    LegAccount,
    Parts,
    PaymentLine,
    RunAccount,
    Unattributed,
    WalletAccount,
)
from ._copy import copy_database, count_rows
from ._journal import Journal, JournalTransaction
from ._reader import JournalReader
from ._record_of import HedgeRecord
from ._schema import MIGRATIONS, stored_version
from ._state_store import JournalStateStore

__all__ = [
    "FillLine",
    "HedgeAccount",
    "HedgeRecord",
    "Journal",
    "JournalReader",
    "JournalStateStore",
    "JournalTransaction",
    "LegAccount",
    "MIGRATIONS",
    "Parts",
    "PaymentLine",
    "RunAccount",
    "Unattributed",
    "WalletAccount",
    "account_run",
    "copy_database",
    "count_rows",
    "stored_version",
]

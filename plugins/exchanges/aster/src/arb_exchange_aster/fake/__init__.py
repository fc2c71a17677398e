"""Aster imitated: what is its own in the fake of the dialect."""

from ._approvals import (
    approval_digest,
    legacy_digest,
    registration_digest,
)
from ._keys import (
    AGENT_SECRET,
    API_KEY,
    USER,
    WALLET_SECRET,
    fake_settings,
    key_settings,
)
from ._venue import (
    open_fake,
)

__all__ = [
    "AGENT_SECRET",
    "API_KEY",
    "USER",
    "WALLET_SECRET",
    "approval_digest",
    "fake_settings",
    "key_settings",
    "legacy_digest",
    "open_fake",
    "registration_digest",
]

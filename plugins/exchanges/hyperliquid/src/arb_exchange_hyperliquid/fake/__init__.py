"""The venue imitated down to the wire, over a simulated account."""

from ._keys import (
    AGENT_ADDRESS,
    AGENT_SECRET,
    MASTER_ADDRESS,
    MASTER_SECRET,
    fake_settings,
    fitted,
)
from ._venue import (
    FakeHyperliquid,
)

__all__ = [
    "AGENT_ADDRESS",
    "AGENT_SECRET",
    "FakeHyperliquid",
    "MASTER_ADDRESS",
    "MASTER_SECRET",
    "fake_settings",
    "fitted",
]

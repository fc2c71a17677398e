"""EdgeX imitated: its REST and WebSocket protocol over a simulated account."""

from ._fit import (
    fitted,
)
from ._keys import (
    fake_settings,
)
from ._venue import (
    FakeEdgex,
)

__all__ = [
    "FakeEdgex",
    "fake_settings",
    "fitted",
]

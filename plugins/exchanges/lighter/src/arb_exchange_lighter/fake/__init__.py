"""Lighter imitated down to the wire, over a simulated market and account."""

from ._fit import (
    fitted,
)
from ._keys import (
    fake_settings,
)
from ._venue import (
    LighterFake,
    open_fake,
)

__all__ = ["LighterFake", "fake_settings", "fitted", "open_fake"]

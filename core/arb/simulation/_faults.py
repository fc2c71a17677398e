"""The one place where faults can be put between a client and its simulated venue."""

from __future__ import annotations

from typing import Protocol


class Faults(Protocol):
    """Asked around every call of the private side; raises an error of :mod:`arb.api` or waits."""

    async def before(self, operation: str, subject: object) -> None:
        """Run before the venue sees the call; what it raises means the call had no effect."""
        ...

    async def after(self, operation: str, subject: object) -> None:
        """Run after the effect is durable and before the answer; what it raises hides the answer."""
        ...


class NoFaults:
    """A perfect line."""

    async def before(self, operation: str, subject: object) -> None:
        """Do nothing."""

    async def after(self, operation: str, subject: object) -> None:
        """Do nothing."""

"""What an extension plugin provides."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ._service import FundingService


@runtime_checkable
class Extension(Protocol):
    """Runs beside the trading: a dashboard, metrics, alerts. It can observe and veto, never trade."""

    async def run(self, service: FundingService) -> None:
        """Work until cancelled; an exception ends the extension, not the run.

        Args:
            service: What the run knows, by direct call.
        """
        ...

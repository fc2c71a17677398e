"""What an exchange has to ask its venue before it may trade; a venue that is down keeps no run from starting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from arb.api import AuthenticationFailed, BadResponse, ClockRefused, ConfigError, Context, NotSent, OutcomeUnknown


class FirstContact:
    """Checks that are made once: at opening where the venue can be reached, else before the first call that needs them.

    A run that starts while one of its venues is down must start: it may have hedges on others to look after. So
    opening an exchange fails for what a person has to mend, such as a wrong key, and never for a venue that does
    not answer, or that refuses the time which it told itself.
    """

    def __init__(self, context: Context, check: Callable[[], Awaitable[None]]) -> None:
        """Ask nothing yet.

        Args:
            context: The exchange plugin's.
            check: Asks the venue; raises ConfigError or Rejected for what a person has to mend.
        """
        self._context = context
        self._check = check
        self._checking: asyncio.Task[None] | None = None
        self._is_made = False

    async def at_opening(self) -> None:
        """Check now, and let a venue that cannot be reached be.

        Raises:
            ConfigError, Rejected: as `check` does, but for ClockRefused.
        """
        try:
            await self.required()
        except (NotSent, OutcomeUnknown, BadResponse, ClockRefused) as error:
            self._context.log.warning("the venue could not be asked yet, it is before the first order: %s", error)

    async def before_trading(self) -> None:
        """Check unless that was done; the exchange is open, so that its caller knows errors of exchanges only.

        Raises:
            NotSent, OutcomeUnknown, BadResponse: the venue could not be asked.
            Rejected: AuthenticationFailed in the place of a ConfigError.
        """
        try:
            await self.required()
        except ConfigError as error:
            raise AuthenticationFailed(str(error), exchange=self._context.name, code="first_contact") from error

    async def required(self) -> None:
        """Check unless that was done; raises what `check` raises."""
        if self._is_made:
            return
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._make())
            self._checking.add_done_callback(_heard)
        # Whoever waits no longer leaves it going: else what takes longer than an order waits would never be made.
        await asyncio.shield(self._checking)

    async def close(self) -> None:
        """Ask no more."""
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.gather(self._checking, return_exceptions=True)

    async def _make(self) -> None:
        await self._check()
        self._is_made = True


def _heard(checking: asyncio.Task[None]) -> None:
    """Take note of a failure that nobody waits for any more."""
    if not checking.cancelled():
        checking.exception()

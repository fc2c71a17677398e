"""The order in which an account's transactions reach the venue: one nonce after the other, one at a time.

The venue takes the nonce that follows the last one and no other (lighter-sdk, nonce_manager.py). Nothing is stored
here: the venue knows the next nonce, and a stored one could only be older. So a nonce is used again only where the
venue says that it was never used; the transaction that had it before can then no longer be taken once this one is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from arb.api import BadResponse, Context, ExchangeError, NotSent, OutcomeUnknown
from arb.model import SECOND_NS
from arb.net import Row, reading, whole

from ._errors import INVALID_NONCE
from ._native import SigningError
from ._rest import Api
from ._signing import SignedTx, Signer

_TRIES: Final = 3
_MOST: Final = (1 << 63) - 1
"""What the signing library takes; given one below zero it would go and ask the venue by itself."""

_PAUSE_NS: Final = SECOND_NS // 5
"""Before a nonce is asked for again: the venue may not have counted yet what it has just refused us for."""


class NonceLine:
    """Sends transactions of one key in order; who sends holds the line until the answer is there."""

    def __init__(self, context: Context, api: Api, signer: Signer) -> None:
        """Ask for nothing yet."""
        self._context = context
        self._api = api
        self._signer = signer
        self._turn = asyncio.Lock()
        self._next: int | None = None

    async def prepare(self) -> None:
        """Learn the next nonce before the first order needs it."""
        async with self._turn:
            await self._known()

    async def send(self, sign: Callable[[int], SignedTx], *, is_order: bool = True) -> Row:
        """Sign with the next nonce and send.

        A nonce that is refused is asked for anew, and the transaction signed and sent again: refused for its
        nonce, it was certainly not taken.

        Raises:
            NotSent, Rejected: certain, it is not taken.
            OutcomeUnknown, BadResponse: it may be.
        """
        async with self._turn:
            for left in reversed(range(_TRIES)):
                try:
                    return await self._sent(sign, is_order=is_order)
                except ExchangeError as error:
                    if error.code not in INVALID_NONCE:
                        raise
                    self._context.log.warning("nonce refused, asking for the next one: %s", error)
                    if not left:
                        text = "the nonce was refused again and again: does another process use this API key?"
                        raise NotSent(text, exchange=self._context.name, code=error.code) from error
                await self._context.clock.sleep_until(self._context.clock.now_ns() + _PAUSE_NS)
        raise AssertionError

    async def _sent(self, sign: Callable[[int], SignedTx], *, is_order: bool) -> Row:
        nonce = await self._known()
        try:
            signed = sign(nonce)
        except SigningError as error:
            # Perhaps for the nonce: the venue is asked for the next one again.
            self._next = None
            text = f"the signing library refuses it: {error}"
            raise NotSent(text, exchange=self._context.name, code="not_signed") from error
        # Only an answer of success tells that the nonce is used; after anything else the venue is asked.
        self._next = None
        answer = await self._api.send_tx(signed, is_order=is_order)
        self._next = nonce + 1
        return answer

    async def _known(self) -> int:
        if self._next is None:
            params = {"account_index": self._signer.account_index, "api_key_index": self._signer.api_key_index}
            try:
                answer = await self._api.read("nextNonce", params, urgent=True)
                with reading(self._context.name, "nextNonce"):
                    nonce = whole(answer["nonce"])
                    if not 0 <= nonce <= _MOST:
                        raise ValueError(f"{nonce} is no nonce")
                    self._next = nonce
            except (OutcomeUnknown, BadResponse) as error:
                # Whatever became of the question, nothing was sent that changes anything.
                text = f"not sent: the next nonce is not known: {error}"
                raise NotSent(text, exchange=self._context.name, code="no_nonce") from error
        return self._next

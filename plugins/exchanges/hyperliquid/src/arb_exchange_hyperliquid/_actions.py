"""Actions from their fields to the venue's answer: numbered, signed for a short time, sent once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from arb.api import Context, NotSent
from arb.model import MILLISECOND_NS
from arb.net import FirstContact

from ._access import Access
from ._client import Client
from ._nonces import Nonces


class Signed(NamedTuple):
    """An action that can be sent; `expires_ns` is by our clock."""

    body: bytes
    expires_ns: int


class Actions:
    """Signs and sends for one account."""

    def __init__(
        self,
        client: Client,
        access: Access,
        contact: FirstContact,
        nonces: Nonces,
        context: Context,
        validity_ns: int,
    ) -> None:
        """Send nothing yet.

        Args:
            client: The wire.
            access: The account and its signer.
            contact: Made before the first action: until then nobody knows for whom the key may sign.
            nonces: Of the key.
            context: The plugin's.
            validity_ns: How long after its signing the venue may take an action.
        """
        self._client = client
        self._access = access
        self._contact = contact
        self._nonces = nonces
        self._clock = context.clock
        self._validity_ns = validity_ns

    async def sign(self, action: Mapping[str, Any]) -> Signed:
        """Sign an action; raises as :meth:`FirstContact.before_trading`."""
        await self._contact.before_trading()
        return await self._signed(action)

    async def send(self, signed: Signed, *, count: int = 1, urgent: bool = True) -> Any:
        """Send what was signed before, unless it has expired while it waited; raises as :meth:`Client.act`."""

        async def valid() -> bytes:
            if signed.expires_ns <= self._clock.now_ns():
                raise NotSent("not sent: its signature has expired", exchange=self._client.name, code="expired")
            return signed.body

        return await self._client.act(valid, count=count, urgent=urgent)

    async def do(self, action: Mapping[str, Any], *, count: int = 1, urgent: bool = True) -> Any:
        """Sign and send; raises as :meth:`FirstContact.before_trading` and :meth:`Client.act`."""
        await self._contact.before_trading()

        async def signed() -> bytes:
            return (await self._signed(action)).body

        return await self._client.act(signed, count=count, urgent=urgent)

    async def _signed(self, action: Mapping[str, Any]) -> Signed:
        nonce = await self._nonces.next()
        expires_ms = self._client.now_ms + self._validity_ns // MILLISECOND_NS
        return Signed(self._access.signer.body(action, nonce, expires_ms), self._clock.now_ns() + self._validity_ns)

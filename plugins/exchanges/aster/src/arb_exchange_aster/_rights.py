"""What an agent may do. The list of the account's agents tells it, and is the one read that needs the signature.

Other reads are said to answer a request whose signature is wrong with an account that holds nothing.
`canWithdraw` of the account's own answer is a state of the account, not a right of the agent.
"""

from __future__ import annotations

from typing import Any, Final

from arb.api import AuthenticationFailed, BadResponse, ConfigError, Context
from arb.model import DAY_NS
from arb.net import Row, from_ms, reading, rows_of, text
from arb_dialect_fapi import VenueRest, flag

from ._dialect import AGENTS
from ._signing import AgentSigner

_SOON_NS: Final = 7 * DAY_NS


class AgentRights:
    """Looks at an agent before it may trade, and knows when its approval ends."""

    def __init__(self, context: Context, signer: AgentSigner, *, allow_withdrawal: bool) -> None:
        """Ask nothing yet."""
        self._context = context
        self._name = context.name
        self._signer = signer
        self._allow_withdrawal = allow_withdrawal
        self._ends_ns: int | None = None

    async def check(self, rest: VenueRest) -> None:
        """Refuse an agent that can withdraw, and one that may not trade, or not any more.

        Raises:
            ConfigError: it can withdraw, or it is the wallet itself.
            AuthenticationFailed: the account has not approved it, or not for perpetuals, or not any more.
            ExchangeError: the venue could not be asked; nothing may be traded before it was.
        """
        if self._signer.agent == self._signer.user:
            if not self._allow_withdrawal:
                raise self._harmful("`agent_key` is the key of the account's wallet, which can withdraw everything")
            return
        answer = await self._agents(rest)
        if answer is None:
            return
        with reading(self._name, "the account's agents"):
            mine = [row for row in rows_of(answer) if text(row["agentAddress"]).lower() == self._signer.agent.lower()]
            rights = [(_may(row, "canPerpTrade", unsaid=False), _may(row, "canWithdraw", unsaid=True)) for row in mine]
            ends_ns = [from_ms(row["expired"]) for row in mine]
        if not mine:
            raise self._refused("the account has not approved it: approve it as API wallet, and check the network")
        can_trade, can_withdraw = rights[0]
        if can_withdraw and not self._allow_withdrawal:
            raise self._harmful("the agent can withdraw")
        if not can_trade:
            raise self._refused("it may not trade perpetuals: give it that right at the venue")
        self._ends_ns = ends_ns[0] or None
        self.require_current(rest.time.now_ns())
        if self._ends_ns is not None and self._ends_ns - rest.time.now_ns() < _SOON_NS:
            self._context.log.warning("the approval of the agent ends within a week: approve a new one in time")

    async def require_listed(self, rest: VenueRest) -> None:
        """Let an empty account pass for one only while the list has the agent; whatever rights it was allowed.

        Raises:
            AuthenticationFailed: the account has not approved it any more.
            ExchangeError: the list could not be read, so an empty answer says nothing.
        """
        if self._signer.agent == self._signer.user:
            return  # the wallet itself cannot be taken off the list
        answer = await rest.read(AGENTS)
        with reading(self._name, "the account's agents"):
            is_listed = any(text(row["agentAddress"]).lower() == self._signer.agent.lower() for row in rows_of(answer))
        if not is_listed:
            raise self._refused("the account has not approved it any more: approve a new one")

    def require_current(self, now_ns: int) -> None:
        """Raise AuthenticationFailed once the approval is over, by the venue's time."""
        if self._ends_ns is not None and now_ns >= self._ends_ns:
            raise self._refused("its approval is over: approve a new one")

    async def _agents(self, rest: VenueRest) -> Any:
        """Return the list; None where it cannot be had and the settings take any agent."""
        try:
            return await rest.read(AGENTS)
        except BadResponse as error:
            if not self._allow_withdrawal:
                raise
            self._context.log.warning("what the agent may do is not known: %s", error)
            return None

    def _harmful(self, why: str) -> ConfigError:
        return ConfigError(f"{self._name}: {why}: approve an agent without that right, or set `allow_withdrawal_keys`")

    def _refused(self, why: str) -> AuthenticationFailed:
        return AuthenticationFailed(f"agent {self._signer.agent}: {why}", exchange=self._name, code="agent")


def _may(row: Row, name: str, *, unsaid: bool) -> bool:
    return flag(row.get(name, unsaid))

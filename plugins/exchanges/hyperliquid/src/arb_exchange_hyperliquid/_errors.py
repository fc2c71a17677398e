"""What the venue's refusals mean.

The venue has texts, no codes; it adds such as ` asset=4` to some, so they are matched by a part. Sources: its
documentation ("Error responses") and answers quoted in issues of its SDKs and of ccxt. A text that is not here
is no proof of anything: the action is in doubt.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    BelowMinimum,
    ExchangeError,
    InsufficientMargin,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    WouldCross,
)
from arb.model import SECOND_NS

NO_MATCH: Final = "ioc_no_match"
NOT_OPEN: Final = "not_open"
ADDRESS_BUDGET_NS: Final = 10 * SECOND_NS
"""An address whose budget is used up may send one action in ten seconds (documentation, "Rate limits")."""


class Refusal(NamedTuple):
    """A part of a text, and what it means."""

    part: str
    error: type[ExchangeError]
    code: str


REFUSALS: Final = (
    Refusal("Price must be divisible by tick size", Rejected, "tick_size"),
    Refusal("Order has invalid price", Rejected, "invalid_price"),
    Refusal("Order has invalid size", Rejected, "lot_size"),
    Refusal("Order has zero size", BelowMinimum, "zero_size"),
    Refusal("Order must have minimum value of", BelowMinimum, "min_notional"),
    Refusal("Insufficient margin to place order", InsufficientMargin, "insufficient_margin"),
    Refusal("cause position to exceed margin tier limit", InsufficientMargin, "margin_tier"),
    Refusal("Reduce only order would increase position", Rejected, "reduce_only"),
    Refusal("Post only order would have immediately matched", WouldCross, "would_cross"),
    Refusal("Order could not immediately match against any resting orders", Rejected, NO_MATCH),
    Refusal("No liquidity available for market order", Rejected, "no_liquidity"),
    Refusal("rice too far from oracle", Rejected, "price_band"),
    Refusal("away from the reference price", Rejected, "reference_price"),
    Refusal("open interest is capped", Rejected, "open_interest_cap"),
    Refusal("while at open interest cap", Rejected, "open_interest_cap_price"),
    Refusal("increase open interest too quickly", Rejected, "open_interest_speed"),
    Refusal("Trading is halted", Rejected, "halted"),
    Refusal("Order was never placed, already canceled, or filled", Rejected, NOT_OPEN),
    Refusal("Invalid leverage value", Rejected, "leverage"),
    Refusal("Cannot switch leverage type with open position", Rejected, "leverage_type"),
    Refusal("Cross margin is not allowed for this asset", Rejected, "isolated_only"),
    Refusal("does not have sufficient margin available to decrease leverage", InsufficientMargin, "leverage_margin"),
    Refusal("Cannot set scheduled cancel time until enough volume traded", Rejected, "scheduled_cancel_volume"),
    Refusal("User or API Wallet ", AuthenticationFailed, "unknown_wallet"),
    Refusal("Must deposit before performing actions", AuthenticationFailed, "no_account"),
    Refusal("Unable to recover signer", AuthenticationFailed, "signature"),
    Refusal("Vault not registered", AuthenticationFailed, "unknown_vault"),
    Refusal("nonce too low", AuthenticationFailed, "nonce_low"),
    Refusal("nonce too high", AuthenticationFailed, "nonce_high"),
    # An action with this nonce was taken before: perhaps this very one, whose answer was lost.
    Refusal("duplicate nonce", OutcomeUnknown, "nonce_used"),
    Refusal("Too many cumulative requests sent", RateLimited, "address_budget"),
)


def refused(text: object, exchange: str) -> ExchangeError:
    """Return the error for a text of the venue; BadResponse where its meaning is not known."""
    if isinstance(text, str):
        for part, error, code in REFUSALS:
            if part in text:
                wait_ns = ADDRESS_BUDGET_NS if error is RateLimited else None
                return error(text, exchange=exchange, code=code, retry_after_ns=wait_ns)
    return BadResponse(f"an answer whose meaning is not known: {text!r:.300}", exchange=exchange, code="unknown_text")

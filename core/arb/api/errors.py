"""Exceptions of arb, sorted by what the caller may do.

* ArbError
  + ConfigError                  the configuration cannot be used as written
  + PluginError
    - PluginLoadError            found, but cannot be imported, checked or registered
    - PluginConflict             two distributions offer the same name
  + StorageError                 the storage cannot be read or written; nothing was half done
  + ExchangeError
    - NotSent                    certain: nothing happened, may be tried again
      x ConnectFailed
      x RateLimited
      x InMaintenance
    - Rejected                   certain: refused, do not repeat as it is
      x InsufficientMargin
      x WouldCross
      x BelowMinimum
      x AuthenticationFailed
        + ClockRefused           the time of the request; whatever goes by the venue's clock asks for that anew
      x UnknownOrder
    - OutcomeUnknown             it may have happened: query by client order id before anything else
    - BadResponse                the answer cannot be read; for orders the same as OutcomeUnknown
  + StaleData                    an input is older than allowed: open no risk
  + InvariantBroken              the books do not balance: halt
  + Halted                       trading is halted: open no risk until a person resumes
  + LeaseLost                    another process trades this account now: send nothing more
"""

from __future__ import annotations


class ArbError(Exception):
    """Base class of every exception arb raises on purpose; its text is for people."""


class ConfigError(ArbError):
    """The configuration cannot be used as written."""


class PluginError(ArbError):
    """A plugin cannot be used."""


class PluginLoadError(PluginError):
    """A plugin was found but could not be imported, checked or registered."""


class PluginConflict(PluginError):
    """Two installed distributions offer the same plugin name."""


class StorageError(ArbError):
    """The storage cannot be opened, read or written; the transaction at hand left nothing behind."""


class ExchangeError(ArbError):
    """Something went wrong at or on the way to an exchange.

    Attributes:
        exchange: The exchange's name in the configuration.
        code: The venue's own code, or ours in lower case when the venue gave none.
        retry_after_ns: How long to wait before another try; None when not told.
    """

    def __init__(self, message: str, *, exchange: str = "", code: str = "", retry_after_ns: int | None = None) -> None:
        super().__init__(f"{exchange}: {message}" if exchange else message)
        self.exchange = exchange
        self.code = code
        self.retry_after_ns = retry_after_ns


class NotSent(ExchangeError):
    """Certain: the request had no effect; it may be tried again."""


class ConnectFailed(NotSent):
    """No connection was made."""


class RateLimited(NotSent):
    """Our own budget or the venue refused it before processing."""


class InMaintenance(NotSent):
    """The venue takes no requests now."""


class Rejected(ExchangeError):
    """Certain: the venue refused it with an allow-listed code."""


class InsufficientMargin(Rejected):
    """The account cannot carry the order."""


class WouldCross(Rejected):
    """A post-only order would have taken liquidity."""


class BelowMinimum(Rejected):
    """Smaller than the instrument's minimum quantity or notional."""


class AuthenticationFailed(Rejected):
    """Key, signature, nonce or time was refused."""


class ClockRefused(AuthenticationFailed):
    """The time of a request was refused; a plugin that goes by the venue's clock has to ask for that anew."""


class UnknownOrder(Rejected):
    """The venue's answer covers the order's whole life and does not hold it."""


class OutcomeUnknown(ExchangeError):
    """The request may have had its effect; only a read of the venue can tell."""


class BadResponse(ExchangeError):
    """The answer could not be read. For an order that is :exc:`OutcomeUnknown`."""


class StaleData(ArbError):
    """An input of a decision is older than allowed, or unknown."""


class InvariantBroken(ArbError):
    """The books do not balance; nothing may be traded until a person has looked."""


class Halted(ArbError):
    """Trading is halted; risk may be reduced, none may be opened until a named person resumes."""


class LeaseLost(ArbError):
    """Another process holds the right to trade this account; this one may send nothing more."""

"""Calls of an exchange plugin: bounded in time, and failing in one way only."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from arb.api import BadResponse, Clock, ExchangeError, OutcomeUnknown, StorageError
from arb.cache import within
from arb.model import SECOND_NS, ExchangeName

T = TypeVar("T")


async def ask(
    clock: Clock, timeout_ns: int, exchange: ExchangeName, what: str, call: Callable[[], Coroutine[Any, Any, T]]
) -> T:
    """Return what an exchange plugin answers to `call`.

    A plugin that breaks is that exchange failing, not the end of the run; one that does not answer
    in time is left behind, also when it ignores its cancellation.

    Args:
        clock: Measures the wait.
        timeout_ns: The longest wait.
        exchange: For messages.
        what: The operation, for messages.
        call: Begins the call.

    Raises:
        ExchangeError: the plugin's own; OutcomeUnknown when there was no answer in time;
            BadResponse for anything else it raised.
        StorageError: the plugin could not keep its state.
    """
    try:
        return await within(clock, timeout_ns, call())
    except (ExchangeError, StorageError):
        raise
    except TimeoutError:
        waited = Decimal(timeout_ns) / SECOND_NS
        raise OutcomeUnknown(f"{what}: no answer within {waited:f} s", exchange=exchange, code="timeout") from None
    except Exception as error:
        raise BadResponse(
            f"{what}: its plugin failed: {type(error).__name__}: {error}", exchange=exchange, code="plugin_failed"
        ) from error


def listed(rows: object, kind: type[T]) -> tuple[T, ...]:
    """Return a listing as a tuple.

    Raises:
        TypeError: it is none, or holds something else than `kind`.
    """
    if not isinstance(rows, Sequence) or isinstance(rows, (str, bytes)):
        raise TypeError(f"expected a list of {kind.__name__}, got {type(rows).__name__}")
    for row in rows:
        if not isinstance(row, kind):
            raise TypeError(f"expected a list of {kind.__name__}, it holds {type(row).__name__}")
    return tuple(rows)

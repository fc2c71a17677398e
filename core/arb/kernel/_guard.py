"""Run a plugin's start-up code so that whatever it does, the caller goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

LOAD_TIMEOUT_S: Final = 5.0
"""How long a plugin may take to be imported, and again to declare what it provides."""

_LONGEST: Final = 300


class WorkFailed(Exception):
    """What guarded work raised; kept apart from what is raised at the one who waits, such as Ctrl-C."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(describe(error))
        self.error = error


def within(seconds: float, work: Callable[[], T], name: str) -> T:
    """Return what `work` returns.

    It runs in a daemon thread: one that hangs is left behind and does not keep the process alive.

    Raises:
        WorkFailed: it raised anything, even SystemExit.
        TimeoutError: it was not done after `seconds`.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # in this thread it comes from the plugin, never from a person
            errors.append(error)

    thread = threading.Thread(target=run, name=f"arb-load-{name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise WorkFailed(errors[0]) from errors[0]
    if not results:
        raise TimeoutError(f"not done after {seconds:g} s")
    return results[0]


def describe(error: BaseException) -> str:
    """Return an exception's type and text on one line of bounded length."""
    try:
        text = " ".join(str(error).split())
    except KeyboardInterrupt:
        raise
    except BaseException:  # a plugin's own exception class may be broken too
        text = ""
    if isinstance(error, SystemExit):
        return f"it tried to exit the process (SystemExit: {text})"
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 3] + "..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

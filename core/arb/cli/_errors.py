"""From exceptions to exit codes and one message for people."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from types import MappingProxyType
from typing import Final

import click

TRACEBACK_VARIABLE: Final = "ARB_TRACEBACK"
_CANNOT_WRITE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    PLUGIN = 3
    STORAGE = 4
    EXCHANGE = 5
    HALTED = 6
    CHECK = 7
    INTERRUPTED = 130
    CLOSED_PIPE = 141


EXIT_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {
        ExitCode.OK: "done",
        ExitCode.INTERNAL: "unexpected internal error",
        ExitCode.USAGE: "wrong usage or configuration",
        ExitCode.PLUGIN: "a plugin cannot be used",
        ExitCode.STORAGE: "the storage cannot be read or written",
        ExitCode.EXCHANGE: "an exchange failed",
        ExitCode.HALTED: "the books do not balance, trading is halted, or another process trades",
        ExitCode.CHECK: "a check found something",
        ExitCode.INTERRUPTED: "interrupted before a clean stop",
        ExitCode.CLOSED_PIPE: "whoever read the output went away",
    }
)


class PipeBroken(Exception):
    """Carries a BrokenPipeError past click, which ends the process without a word for any of them."""

    def __init__(self, error: BrokenPipeError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def broken_pipes_kept() -> Iterator[None]:
    """Turn a BrokenPipeError into :exc:`PipeBroken`."""
    try:
        yield
    except BrokenPipeError as error:
        raise PipeBroken(error) from error


def run_command(work: Callable[[], object]) -> int:
    """Run a command and return its exit code; print one message for what it raises, no traceback."""
    try:
        result = work()
        sys.stdout.flush()
    except click.Abort as error:
        # click hides what stopped a prompt, but Python keeps it.
        if isinstance(error.__context__, EOFError):
            return _fail("no answer: the input ended", ExitCode.USAGE)
        return _fail("interrupted", ExitCode.INTERRUPTED)
    except KeyboardInterrupt:
        return _fail("interrupted", ExitCode.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except BrokenPipeError as error:
        return _broken_pipe(error)
    except PipeBroken as error:
        return _broken_pipe(error.error)
    except Exception as error:
        # Whoever opens a file says so in an error of arb; what is left is the output.
        if isinstance(error, OSError) and error.errno in _CANNOT_WRITE and error.filename is None:
            _silence_stdout()
            return _fail(f"the output cannot be written: {error.strerror}", ExitCode.STORAGE)
        return report(error)
    # click returns the code of `ctx.exit(code)`.
    return int(result) if isinstance(result, int) else ExitCode.OK


def report(error: BaseException) -> int:
    """Print what went wrong and return the exit code."""
    if os.environ.get(TRACEBACK_VARIABLE):
        import traceback

        traceback.print_exception(error)
    leaves = list(_leaves(error))
    codes = [_code(leaf) for leaf in leaves]
    for leaf, code in zip(leaves, codes, strict=True):
        _fail(_text(leaf, code), code)
    # Several at once: the one that a person has to look at first.
    return min(codes, key=_URGENCY.index)


_URGENCY: Final = (
    ExitCode.HALTED,
    ExitCode.INTERNAL,
    ExitCode.STORAGE,
    ExitCode.EXCHANGE,
    ExitCode.PLUGIN,
    ExitCode.USAGE,
)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _code(error: BaseException) -> ExitCode:
    # Imported only now: it costs more than most commands, and only a failure needs it.
    from arb.api import (
        ConfigError,
        ExchangeError,
        Halted,
        InvariantBroken,
        LeaseLost,
        PluginError,
        StaleData,
        StorageError,
    )

    table = (
        (ConfigError, ExitCode.USAGE),
        (PluginError, ExitCode.PLUGIN),
        (StorageError, ExitCode.STORAGE),
        (ExchangeError, ExitCode.EXCHANGE),
        (StaleData, ExitCode.EXCHANGE),
        (InvariantBroken, ExitCode.HALTED),
        (Halted, ExitCode.HALTED),
        (LeaseLost, ExitCode.HALTED),
    )
    return next((code for class_, code in table if isinstance(error, class_)), ExitCode.INTERNAL)


def _text(error: BaseException, code: ExitCode) -> str:
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    if code is not ExitCode.INTERNAL:
        return f"{error}{notes}" if str(error) else f"{type(error).__name__}{notes}"
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"unexpected {' '.join(what.split())}{notes}. For the traceback run it again with {TRACEBACK_VARIABLE}=1"


def _fail(message: str, code: ExitCode) -> ExitCode:
    try:
        click.echo(f"Error: {message}", err=True)
    except OSError:  # nobody reads the errors either
        return code
    return code


def _broken_pipe(error: BrokenPipeError) -> int:
    if not _stdout_is_closed():
        return report(error)
    _silence_stdout()
    return ExitCode.CLOSED_PIPE


def _stdout_is_closed() -> bool:
    """Tell a reader that went away from a connection that broke elsewhere."""
    import select

    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return False
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def open_standard_streams() -> None:
    """Open on nothing what the parent has closed: a database could get the number of a closed one."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def _silence_stdout() -> None:
    # The interpreter flushes stdout once more when it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

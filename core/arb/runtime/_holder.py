"""Who this process is, for the leases of accounts, and whether another one still lives."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def own_holder() -> str:
    """Return `host:pid:start` of this process; the same process gives the same text, no other one does."""
    return f"{_host()}:{os.getpid()}:{_start_of(os.getpid()) or 'unknown'}"


def is_gone(holder: str) -> bool:
    """Whether a holder's process is known to have ended; False for another host, where nobody can tell."""
    host, _, rest = holder.partition(":")
    number, _, start = rest.partition(":")
    if host != _host() or not number.isdigit():
        return False
    alive = _start_of(int(number))
    if alive is not None:
        return alive != start
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it lives and belongs to somebody else
        return False
    return False


def _host() -> str:
    """Return what tells machines, and containers with process numbers of their own, apart."""
    try:
        return f"{platform.node()}/{Path('/proc/self/ns/pid').readlink().name.strip('pid:[]')}"
    except OSError:
        return platform.node()


def _start_of(pid: int) -> str | None:
    """Return when a process began, in ticks since boot; None where there is no such process or no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in parentheses may hold anything; the 20th field after it is the start time (proc(5)).
    return stat.rpartition(")")[2].split()[19]

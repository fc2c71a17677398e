"""What is left of a campaign whose first process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TypeVar

import pytest

T = TypeVar("T")

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are listed in /proc")


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_its_processes_end_with_the_first_one() -> None:
    program = "from arb.cli import main; main()"
    command = [sys.executable, "-c", program, "simulate", "--episodes", "100000", "--jobs", "2", "--profile", "calm"]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        workers = wait_for(lambda: found if len(found := children(first.pid)) >= 3 else None)  # two, and a tracker
        first.send_signal(signal.SIGKILL)
        first.wait()
        wait_for(lambda: True if not any(is_running(pid) for pid in workers) else None)
    finally:
        first.kill()
        first.wait()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_for(look: Callable[[], T | None]) -> T:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = look()
        if found is not None:
            return found
        Event().wait(0.1)
    raise AssertionError("it did not come in a minute")

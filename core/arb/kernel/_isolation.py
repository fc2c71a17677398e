"""Try plugins, each in a process of its own with a time limit, so that none can harm this one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from ._catalog import PluginRef, Status
from ._guard import LOAD_TIMEOUT_S

_START_LIMIT_S: Final = 10.0
"""For the interpreter and our own imports on a busy machine."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """How loading one plugin went.

    Attributes:
        reason: Why it cannot be used; empty when it can.
        details: `capabilities`, `hooks`, `settings`, `schema`; empty when it cannot be used.
    """

    ref: PluginRef
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def ok(self) -> bool:
        """Return whether it can be used."""
        return not self.reason


def probe_plugins(
    refs: Sequence[PluginRef], *, timeout_s: float = LOAD_TIMEOUT_S, start_s: float = _START_LIMIT_S
) -> list[ProbeResult]:
    """Load each plugin in a subprocess, as many at once as there are processors; keep the order.

    One that metadata already refuses is not started.

    Args:
        refs: Which plugins.
        timeout_s: For importing one, and again for its declaration.
        start_s: For the subprocess itself to start, on top.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(lambda ref: _probe(ref, timeout_s, start_s), refs))


def _probe(ref: PluginRef, timeout_s: float, start_s: float) -> ProbeResult:
    if ref.status is not Status.OK:
        return ProbeResult(ref, ref.reason)
    # Files, not pipes: a grandchild that keeps a pipe open could make us wait for it.
    with tempfile.TemporaryDirectory(prefix="arb-probe-") as folder:
        result, output = Path(folder, "result"), Path(folder, "output")
        with output.open("wb") as stream:
            code = _run(ref, timeout_s, start_s, result, stream.fileno())
        if code is None:
            return ProbeResult(ref, f"it hangs: not loaded after {timeout_s:g} s")
        try:
            verdict, _, rest = result.read_text(encoding="utf-8").partition("\n")
        except (OSError, UnicodeDecodeError):
            verdict, rest = "", ""
        if verdict == "failed":
            return ProbeResult(ref, rest)
        if verdict != "ok" or code != 0:
            return ProbeResult(ref, _ending(code))
        written = output.stat().st_size
        if written:
            return ProbeResult(ref, f"it prints {written} bytes while it is loaded (not shown: they may be secrets)")
        return ProbeResult(ref, details=json.loads(rest))


def _run(ref: PluginRef, timeout_s: float, start_s: float, result: Path, output: int) -> int | None:
    """Return the exit code of the probe, or None when it had to be killed."""
    arguments = [ref.family.value, ref.name, f"{timeout_s:g}", str(result)]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-W", "ignore", "-m", "arb.kernel._probe", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # The same view of what is installed as this process has.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(folder) for folder in sys.path)},
    )
    try:
        # Twice: once to be imported, once to declare what it provides.
        return process.wait(2 * timeout_s + start_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the probe and whatever it started."""
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _ending(code: int) -> str:
    if code < 0:
        return f"it ended the process with signal {-code} ({signal.Signals(-code).name}) while it was loaded"
    return f"it ended the process with exit code {code} while it was loaded"

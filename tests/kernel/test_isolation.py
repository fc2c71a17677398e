from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from arb.kernel import ProbeResult, installed_plugins, probe_plugins

Install = Callable[..., str]
CodeOf = Callable[..., str]


def probe(name: str, **limits: float) -> ProbeResult:
    (result,) = probe_plugins([ref for ref in installed_plugins() if ref.name == name], **limits)
    return result


def test_a_good_plugin_is_described(install: Install, code_of: CodeOf) -> None:
    install("arb-good", "good", code_of("exchanges", "good", settings="depth: int = 3"))

    result = probe("good")

    assert result.ok
    assert result.details["hooks"] == ["arb_exchanges"]
    assert result.details["capabilities"] == []
    assert [row["key"] for row in result.details["settings"]] == ["depth"]
    assert result.details["schema"]["properties"]["depth"]["default"] == 3


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ImportError('no wheel')", "ImportError: no wheel"),
        ("import os; os._exit(0)", "ended the process with exit code 0"),
        ("import os; os._exit(3)", "ended the process with exit code 3"),
        ("import os; os.abort()", "SIGABRT"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("print('s3cr3t')", "prints"),
        ("import sys; print('s3cr3t', file=sys.stderr)", "prints"),
        ("import os; os.write(1, b's3cr3t')", "prints"),
        ("import json; json.dumps = print", "changes json.dumps"),
        ("import json; json.JSONEncoder.encode = None", "changes json.encoder.JSONEncoder.encode"),
        ("import click; click.Command.main = None", "changes click.core.Command.main"),
        ("import builtins; builtins.open = None", "changes builtins.open"),
        ("import time; del time.sleep", "changes time.sleep"),
        ("import os; os._exit = None", "changes os._exit"),
        (
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(60,), name='lingerer', daemon=False).start()",
            "starts threads that keep the process alive: lingerer",
        ),
        ("import sys; sys.stdout = None; sys.stderr = object()", "changes sys.stderr, sys.stdout"),
    ],
)
def test_whatever_it_does_is_its_own_failure(install: Install, code_of: CodeOf, code: str, reason: str) -> None:
    install("arb-bad", "bad", code + "\n" + code_of("exchanges", "bad"))
    before = (json.dumps, click.Command.main)

    result = probe("bad")

    assert reason in result.reason
    assert not result.ok
    assert "s3cr3t" not in result.reason
    assert (json.dumps, click.Command.main) == before


def test_settings_without_a_schema_are_a_failure(install: Install, code_of: CodeOf) -> None:
    extra = "from pydantic import ConfigDict"
    settings = "model_config = ConfigDict(arbitrary_types_allowed=True)\n    thing: asyncio.Event | None = None"
    install("arb-bad", "bad", code_of("exchanges", "bad", extra=extra, settings=settings))
    assert "its settings cannot be described: PydanticInvalidForJsonSchema" in probe("bad").reason


def test_a_hang_that_holds_the_interpreter_is_killed(install: Install) -> None:
    # A regular expression that backtracks for hours never lets another thread run.
    install("arb-bad", "bad", "import re; re.match('(a+)+$', 'a' * 50 + 'b')")
    start = time.monotonic()
    assert "hangs" in probe("bad", timeout_s=0.2, start_s=3).reason
    assert time.monotonic() - start < 60


def test_what_it_leaves_running_is_ended(install: Install, code_of: CodeOf, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    child = f"import subprocess; open({str(note)!r}, 'w').write(str(subprocess.Popen(['sleep', '60']).pid))\n"
    install("arb-bad", "bad", child + code_of("exchanges", "bad"))

    assert probe("bad").ok

    state = Path(f"/proc/{note.read_text()}/stat")
    deadline = time.monotonic() + 10
    while state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline, "it still runs"


def test_what_metadata_refuses_is_not_started(install: Install, tmp_path: Path) -> None:
    note = tmp_path / "note"
    install("arb-old", "old", f"open({str(note)!r}, 'w')", needs="<0.1")
    assert "arb-old needs arb-core<0.1" in probe("old").reason
    assert not note.exists()

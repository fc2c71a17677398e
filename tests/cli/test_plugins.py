from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

Install = Callable[..., str]
CodeOf = Callable[..., str]
Arb = Callable[..., Result]
ArbProcess = Callable[..., "subprocess.CompletedProcess[str]"]


def listed(output: str) -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in json.loads(output)["plugins"]}


def test_list_shows_what_metadata_says(install: Install, arb: Arb) -> None:
    install("arb-exchange-flat", "flat", "raise RuntimeError")
    install("arb-exchange-old", "old", "raise RuntimeError", needs=">=9")

    result = arb("plugins", "list")

    lines = [line.split() for line in result.output.splitlines()]
    assert result.exit_code == 0
    # Where plugins with a measured tier are installed, it has a column.
    assert [name for name in lines[0] if name != "TIER"] == [
        "FAMILY",
        "NAME",
        "DISTRIBUTION",
        "VERSION",
        "STATUS",
        "REASON",
    ]
    assert ["exchanges", "flat", "arb-exchange-flat", "1.0", "ok"] in lines
    (old,) = [line for line in lines if "old" in line]
    assert old[4:] == ["incompatible", *f"arb-exchange-old needs arb-core>=9; this is {old[-1]}".split()]


def test_list_as_json_is_one_document(install: Install, arb: Arb) -> None:
    install("arb-exchange-flat", "flat", "raise RuntimeError")
    assert listed(arb("plugins", "list", "--json").output)["flat"] == {
        "family": "exchanges",
        "name": "flat",
        "distribution": "arb-exchange-flat",
        "version": "1.0",
        "tier": "",
        "status": "ok",
        "reason": "",
    }


def test_list_imports_no_plugin_and_no_heavy_library(install: Install, arb_process: ArbProcess) -> None:
    install("arb-exchange-flat", "flat", "")
    heavy = (
        "pydantic",
        "stevedore",
        "pluggy",
        "asyncio",
        "rich",
        "packaging",
        "importlib.metadata",
        "arb_exchange_flat",
    )
    launch = (
        "import sys\nfrom arb.cli import main\nmain(['plugins', 'list'], standalone_mode=False)\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = arb_process(launch=launch)
    assert "arb-exchange-flat" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_disabled_plugins_are_listed_as_such(install: Install, arb: Arb, monkeypatch: pytest.MonkeyPatch) -> None:
    install("arb-a", "one", "")
    install("arb-b", "two", "")
    monkeypatch.setenv("ARB_DISABLE_PLUGINS", "one")

    some = listed(arb("plugins", "list", "--json").output)
    none = arb("--no-plugins", "plugins", "list", "--check", "--json")

    assert (some["one"]["status"], some["two"]["status"]) == ("disabled", "ok")
    assert {row["status"] for row in listed(none.output).values()} == {"disabled"}
    assert none.exit_code == 0


def test_control_characters_of_a_plugin_do_not_reach_the_terminal(install: Install, arb: Arb) -> None:
    install("arb-a", "one", "", entries="[arb.exchanges]\none = \x1b[2Jx\n")
    output = arb("plugins", "list").output
    assert "\x1b" not in output
    assert "x1b[2Jx" in output


def break_twelve(install: Install, code_of: CodeOf) -> None:
    """Install twelve distributions, each broken in its own way."""
    install("arb-b01", "import-error", "import no_such_library")
    install("arb-b02", "system-exit", "import sys; sys.exit(0)")
    install("arb-b03", "hang", "import time; time.sleep(30)")
    install("arb-b04", "wrong-api", "PLUGIN_API = 99")
    install("arb-b05", "twin", code_of("exchanges", "twin"))
    install("arb-b05-again", "twin", code_of("exchanges", "twin"))
    unknown = "\n@hookimpl\ndef arb_unheard_of(): pass\n"
    install("arb-b06", "unknown-hook", code_of("exchanges", "unknown-hook") + unknown)
    install("arb-b07", "no-range", code_of("exchanges", "no-range"), needs=None)
    raising = "\n@hookimpl\ndef arb_exchanges(): raise RuntimeError('in the hook')\n"
    install("arb-b08", "raising-hook", code_of("exchanges", "raising-hook") + raising)
    wrong = "\n@hookimpl\ndef arb_exchanges(): return [{'name': 'wrong-type'}]\n"
    install("arb-b09", "wrong-type", code_of("exchanges", "wrong-type") + wrong)
    patch = "import click, json\nclick.echo = json.dumps = lambda *a, **k: 'gotcha'\n"
    install("arb-b10", "monkeypatch", patch + code_of("exchanges", "monkeypatch"))
    install("arb-b11", "abort", "import os; os.abort()")
    install("arb-b12", "prints", "print('api_secret=hunter2')\n" + code_of("exchanges", "prints"))


REASONS = {
    "import-error": "No module named 'no_such_library'",
    "system-exit": "tried to exit the process",
    "hang": "hangs: not done after 5 s",
    "wrong-api": "PLUGIN_API 99; this kernel speaks 1",
    "twin": "offered by arb-b05 1.0 and arb-b05-again 1.0",
    "unknown-hook": "unknown hook 'arb_unheard_of'",
    "no-range": "does not say which versions of arb-core",
    "raising-hook": "arb_exchanges failed: RuntimeError: in the hook",
    "wrong-type": "arb_exchanges returned a dict, not a ExchangeSpec",
    "monkeypatch": "changes click.echo, json.dumps",
    "abort": "SIGABRT",
    "prints": "it prints ",
}


def test_twelve_broken_plugins_are_named_with_reasons(
    alone: str, install: Install, code_of: CodeOf, arb_process: ArbProcess
) -> None:
    break_twelve(install, code_of)
    install("arb-good-exchange", "good", code_of("exchanges", "good"))
    install("arb-good-storage", "good-db", code_of("storages", "good-db"), group="arb.storages")

    done = arb_process("plugins", "list", "--check", "--json", ARB_DISABLE_PLUGINS=alone)

    rows: Any = json.loads(done.stdout)["plugins"]
    assert done.returncode == 7, done.stderr
    assert len(rows) >= 15
    for name, reason in REASONS.items():
        for row in (row for row in rows if row["name"] == name):
            assert row["status"] != "ok"
            assert reason in row["reason"]
            assert row["distribution"].startswith("arb-b")
    assert {row["name"] for row in rows if row["status"] != "ok" and row["distribution"].startswith("arb-b")} == {
        *REASONS
    }
    assert {row["status"] for row in rows if row["distribution"].startswith("arb-good")} == {"ok"}
    assert "hunter2" not in done.stdout + done.stderr


def test_a_check_of_good_plugins_finds_nothing(install: Install, code_of: CodeOf, arb_process: ArbProcess) -> None:
    install("arb-good", "good", code_of("exchanges", "good"))
    done = arb_process("plugins", "list", "--check", "--json", ARB_DISABLE_PLUGINS="nothing")
    assert done.returncode == 0, done.stdout
    assert listed(done.stdout)["good"]["status"] == "ok"


def test_info_shows_settings_and_hooks(install: Install, code_of: CodeOf, arb: Arb) -> None:
    settings = "depth: int = Field(default=3, description='Levels a side.')\n    key: Secret | None = None"
    install("arb-good", "good", code_of("exchanges", "good", settings=settings))

    text = arb("plugins", "info", "good")
    document = json.loads(arb("plugins", "info", "exchanges:good", "--json").output)

    assert text.exit_code == 0
    assert "hooks:        arb_exchanges" in text.output
    assert any(line.split() == ["depth", "int", "3", "Levels", "a", "side."] for line in text.output.splitlines())
    assert document["kernel"] == "arb-core>=0.1,<0.2"
    assert [row["key"] for row in document["settings"]] == ["depth", "key"]


def test_info_of_a_broken_plugin_says_why(install: Install, arb: Arb) -> None:
    install("arb-bad", "bad", "import os; os._exit(5)")
    result = arb("plugins", "info", "bad")
    assert result.exit_code == 3
    assert "failed" in result.output
    assert "exit code 5" in result.output


def test_info_needs_one_plugin(install: Install, code_of: CodeOf, arb: Arb) -> None:
    install("arb-a", "same", code_of("exchanges", "same"))
    install("arb-b", "same", code_of("storages", "same"), group="arb.storages")

    ambiguous = arb("plugins", "info", "same")
    unknown = arb("plugins", "info", "sane")

    assert (ambiguous.exit_code, unknown.exit_code) == (2, 2)
    assert "write storages:same or exchanges:same" in ambiguous.output
    assert "No plugin named 'sane' is installed. Did you mean 'same'?" in unknown.output


def test_the_interpreter_of_the_check_is_ours(
    alone: str, install: Install, code_of: CodeOf, arb: Arb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARB_DISABLE_PLUGINS", alone)
    code = f"import sys\nassert sys.executable == {sys.executable!r}\n" + code_of("exchanges", "good")
    install("arb-good", "good", code)
    assert listed(arb("plugins", "list", "--check", "--json").output)["good"]["status"] == "ok"

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from arb.api import PluginConflict, PluginLoadError
from arb.kernel import LoadedPlugin, PluginFailure, PluginRef, installed_plugins, load_plugin

Install = Callable[..., str]


def find(name: str) -> PluginRef:
    return next(ref for ref in installed_plugins() if ref.name == name)


def test_a_good_module_is_loaded(install: Install) -> None:
    module = install("arb-exchange-good", "good", "PLUGIN_API = 1")
    loaded = load_plugin(find("good"))
    assert isinstance(loaded, LoadedPlugin)
    assert loaded.module is sys.modules[module]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        ("assert False, 'checked at import'", "AssertionError: checked at import"),
        ("import sys; sys.exit(3)", "tried to exit the process (SystemExit: 3)"),
        ("import no_such_library", "No module named 'no_such_library'"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("def broken(:", "SyntaxError"),
        ("class E(BaseException):\n def __str__(self): raise E\nraise E", "failed: E"),
        ("x = 1", "does not set PLUGIN_API; it must be 1"),
        ("PLUGIN_API = '1'", "does not set PLUGIN_API"),
        ("PLUGIN_API = True", "does not set PLUGIN_API"),
        ("PLUGIN_API = 2", "is written for PLUGIN_API 2; this kernel speaks 1"),
        ("import sys; sys.modules[__name__] = object()", "is a object, not a module"),
    ],
)
def test_a_bad_module_is_a_failure_that_names_its_distribution(install: Install, code: str, reason: str) -> None:
    install("arb-exchange-bad", "bad", code)

    failure = load_plugin(find("bad"))

    assert isinstance(failure, PluginFailure)
    assert isinstance(failure.error, PluginLoadError)
    assert str(failure.error).startswith("exchange 'bad' of arb-exchange-bad 1.0: ")
    assert reason in str(failure.error)


def test_an_import_that_hangs_ends_within_its_time(install: Install) -> None:
    install("arb-exchange-slow", "slow", "import time; time.sleep(30)")
    start = time.monotonic()

    failure = load_plugin(find("slow"), timeout_s=0.2)

    assert isinstance(failure, PluginFailure)
    assert "hangs" in str(failure.error)
    assert time.monotonic() - start < 15


def test_what_metadata_refuses_is_not_imported(install: Install) -> None:
    old = install("arb-exchange-old", "old", "raise RuntimeError", needs="<0.1")
    install("arb-exchange-a", "same", "raise RuntimeError")
    install("arb-exchange-b", "same", "raise RuntimeError")

    refused, conflict = load_plugin(find("old")), load_plugin(find("same"))

    assert isinstance(refused, PluginFailure)
    assert isinstance(refused.error, PluginLoadError)
    assert isinstance(conflict, PluginFailure)
    assert isinstance(conflict.error, PluginConflict)
    assert old not in sys.modules


def test_loading_writes_no_cache_below_home(install: Install, site_path: Path, tmp_path: Path) -> None:
    install("arb-exchange-good", "good", "PLUGIN_API = 1")
    code = (
        "from arb.kernel import installed_plugins, load_plugin, LoadedPlugin\n"
        "ref = next(r for r in installed_plugins() if r.name == 'good')\n"
        "assert isinstance(load_plugin(ref), LoadedPlugin)"
    )
    home = tmp_path / "home"
    home.mkdir()
    env = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home), "PYTHONPATH": str(site_path)}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert list(home.iterdir()) == []

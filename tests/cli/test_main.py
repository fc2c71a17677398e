from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import arb.cli
from arb._version import __version__
from arb.api import (
    ArbError,
    ConfigError,
    ConnectFailed,
    InvariantBroken,
    PluginConflict,
    StaleData,
    StorageError,
)
from arb.cli._errors import EXIT_CODES, ExitCode, report, run_command

Arb = Callable[..., Result]
ArbProcess = Callable[..., "subprocess.CompletedProcess[str]"]
Install = Callable[..., str]


def test_help_names_every_command_and_imports_none(arb_process: ArbProcess) -> None:
    launch = (
        "import sys\nfrom arb.cli import main\nmain(['--help'], standalone_mode=False)\n"
        "print([name for name in sys.modules if name.startswith('arb.cli.') and not name.startswith('arb.cli._')])\n"
        "print([name for name in ('arb.kernel', 'pydantic', 'asyncio', 'rich') if name in sys.modules])"
    )
    lines = arb_process(launch=launch).stdout.splitlines()
    assert lines[-2:] == ["[]", "[]"]
    for name in arb.cli._COMMANDS:
        assert any(line.split()[:1] == [name] for line in lines)


def test_every_command_of_the_table_is_a_module() -> None:
    for target, help_ in arb.cli._COMMANDS.values():
        assert find_spec(target.partition(":")[0]) is not None, target
        assert help_.endswith(".")


def test_an_unknown_command_offers_a_close_one(arb: Arb) -> None:
    result = arb("plugin")
    assert result.exit_code == 2
    assert "No such command 'plugin'. Did you mean 'plugins'?" in result.output


@pytest.mark.parametrize(
    "arguments", [["--nope"], ["plugins", "list", "--nope"], ["plugins", "info"], ["config", "check"]]
)
def test_wrong_usage_is_code_2(arb: Arb, arguments: list[str]) -> None:
    result = arb(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.output


def test_version(arb: Arb) -> None:
    assert arb("--version").output == f"arb, version {__version__}\n"


class Surprise(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ConfigError("f.toml: wrong"), 2, "Error: f.toml: wrong\n"),
        (PluginConflict("two of them"), 3, "Error: two of them\n"),
        (StorageError("disk full"), 4, "Error: disk full\n"),
        (ConnectFailed("refused", exchange="hl"), 5, "Error: hl: refused\n"),
        (StaleData("too old"), 5, "Error: too old\n"),
        (InvariantBroken("off by 1"), 6, "Error: off by 1\n"),
        (StorageError(), 4, "Error: StorageError\n"),
        (ArbError("odd"), 1, "Error: unexpected ArbError: odd. For the traceback run it again with ARB_TRACEBACK=1\n"),
        (Surprise("a\nb"), 1, "Error: unexpected Surprise: a b. For the traceback run it again with ARB_TRACEBACK=1\n"),
        (click.ClickException("from click"), 2, "Error: from click\n"),
        (click.Abort(), 130, "Error: interrupted\n"),
        (KeyboardInterrupt(), 130, "Error: interrupted\n"),
        (
            ExceptionGroup("g", [StorageError("s"), ExceptionGroup("h", [InvariantBroken("i")])]),
            6,
            "Error: s\nError: i\n",
        ),
        (BrokenPipeError("a socket"), 1, "Error: unexpected BrokenPipeError: a socket."),
    ],
)
def test_each_error_has_its_code_and_one_message(
    error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARB_TRACEBACK", raising=False)

    def work() -> None:
        raise error

    assert run_command(work) == code
    assert capsys.readouterr().err.startswith(text)


def test_notes_say_which_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    error = StorageError("locked")
    error.add_note("while opening [storages.main]")
    assert report(error) == 4
    assert capsys.readouterr().err == "Error: locked (while opening [storages.main])\n"


def test_the_traceback_is_shown_on_request(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ARB_TRACEBACK", "1")
    with pytest.raises(Surprise) as caught:
        raise Surprise("x")
    assert report(caught.value) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_prompt_without_an_answer_is_wrong_usage() -> None:
    @click.command()
    def ask() -> None:
        click.prompt("sure?")

    def work() -> None:
        ask.main([], standalone_mode=False)

    @click.command()
    def outer() -> None:
        sys.exit(run_command(work))

    result = CliRunner().invoke(outer, input="")
    assert result.exit_code == 2
    assert "no answer" in result.output


def test_a_connection_that_breaks_is_not_taken_for_a_reader_that_went_away(arb_process: ArbProcess) -> None:
    launch = (
        "import click, errno\nfrom arb.cli import main\n"
        "@main.command()\ndef broken(): raise BrokenPipeError(errno.EPIPE, 'the venue hung up')\n"
        "main(['broken'])"
    )
    done = arb_process(launch=launch)
    assert done.returncode == 1
    assert "the venue hung up" in done.stderr


def test_every_code_has_a_meaning() -> None:
    assert set(EXIT_CODES) == set(ExitCode)


@pytest.mark.parametrize("command", ["arb --help", "arb config schema"])
def test_a_reader_that_goes_away_is_no_error(command: str) -> None:
    arguments = command.split()[1:]
    launch = f"from arb.cli import main\nimport sys\nsys.stdin.read()\nmain({arguments!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", launch],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ},
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stdin.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 141
    assert errors == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_finds_the_disk_full_is_one_message_and_code_4(unbuffered: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from arb.cli import main; main(['--help'])"],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (4, "Error: the output cannot be written: No space left on device\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("arguments", "code"), [("plugins list", 0), ("--help", 0), ("config check none.toml", 2)])
def test_streams_that_the_parent_closed_are_nothing(closed: str, arguments: str, code: int) -> None:
    shell = f'exec "$0" -c "from arb.cli import main; main()" {arguments} {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", shell, sys.executable], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stderr
    assert "unexpected" not in done.stderr


@pytest.mark.parametrize(
    ("environ", "styled"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_a_terminal_gets_no_escape_codes_it_does_not_want(
    install: Install, site_path: Path, environ: dict[str, str], styled: bool
) -> None:
    install("arb-exchange-shown", "shown", "")
    reader, writer = os.openpty()
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    inherited["PYTHONPATH"] = str(site_path)
    launch = "from arb.cli import main; main(['--no-plugins', 'plugins', 'list'])"
    subprocess.run([sys.executable, "-c", launch], stdout=writer, env=inherited | environ, timeout=60, check=True)
    os.close(writer)
    text = os.read(reader, 65_536)
    os.close(reader)
    assert b"FAMILY" in text
    assert (b"\x1b[" in text) == styled

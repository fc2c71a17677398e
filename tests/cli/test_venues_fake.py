"""`arb venues fake` refuses what no venue can be made of."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from arb.cli.venues_fake import command

needs_hyperliquid = pytest.mark.skipif(
    find_spec("arb_exchange_hyperliquid") is None, reason="arb-exchange-hyperliquid is not installed"
)


@pytest.mark.parametrize(
    "options",
    [
        ("--deposit", "nan"),
        ("--deposit", "inf"),
        ("--deposit", "0"),
        ("--deposit", "-1"),
        ("--deposit", "1e300"),
        ("--deposit", "much"),
        ("--assets", " , "),
        ("--trouble", "lost_answer=nan%"),
        ("--trouble", "lost_answer=101%"),
        ("--trouble", "lost_answer=inf%"),
    ],
)
@needs_hyperliquid
def test_an_option_that_means_nothing_is_refused(options: tuple[str, str]) -> None:
    done = CliRunner().invoke(command, ["hyperliquid", *options])
    assert done.exit_code == 2
    assert "Invalid value" in done.stderr
    assert done.stdout == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full here")
@needs_hyperliquid
def test_an_output_that_cannot_be_written_is_no_trouble_of_the_port() -> None:
    program = [sys.executable, "-c", "from arb.cli import main; main()", "venues", "fake", "hyperliquid"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.returncode == 4
    assert "port" not in done.stderr

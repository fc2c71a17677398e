"""`arb venues fake` refuses what no venue can be made of."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from arb.cli.venues_fake import command


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
def test_an_option_that_means_nothing_is_refused(options: tuple[str, str]) -> None:
    done = CliRunner().invoke(command, ["hyperliquid", *options])
    assert done.exit_code == 2
    assert "Invalid value" in done.stderr
    assert done.stdout == ""

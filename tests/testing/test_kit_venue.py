"""The part of the kit that runs on a venue itself, here on a simulated one, in real time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from arb.testing import ExchangeConformance
from arb.testing._kit_venue import ORDERS, READS

needs_simulated = pytest.mark.skipif(
    find_spec("arb_exchange_simulated") is None, reason="arb-exchange-simulated is not installed"
)
NUMBERS = {f"X-{match[1]}" for name in dir(ExchangeConformance) if (match := re.match(r"test_x?(\d{3})_", name))}


def run(folder: Path, body: str) -> list[dict[str, str]]:
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "test_it.py").write_text(
        "import arb_exchange_simulated.plugin\n"
        "from arb.testing import VenueConformance\n\n\n"
        f"class TestIt(VenueConformance):\n    plugin = arb_exchange_simulated.plugin\n{body}",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "arb.testing._check", str(folder)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run(command, env=environ, check=False, capture_output=True)
    return [json.loads(line) for line in (folder / "report.jsonl").read_text(encoding="utf-8").splitlines()]


def chosen(*cases: str) -> str:
    return f"\n    @classmethod\n    def cases(cls):\n        return frozenset({set(cases)!r}) & super().cases()\n"


def test_the_numbers_are_of_the_kit() -> None:
    assert READS | ORDERS <= NUMBERS
    assert not READS & ORDERS


@needs_simulated
def test_without_leave_nothing_is_sent(tmp_path: Path) -> None:
    lines = run(tmp_path, chosen("X-010", "X-042", "X-299"))

    assert {line["case"]: line["event"] for line in lines if line["event"] not in ("start", "end")} == {
        "X-010": "passed",
        "X-299": "passed",
    }


@needs_simulated
def test_with_leave_orders_are_sent_and_taken_back(tmp_path: Path) -> None:
    lines = run(tmp_path, "    sends_orders = True\n" + chosen("X-042", "X-045", "X-061"))

    assert {line["case"]: line["event"] for line in lines if line["event"] not in ("start", "end")} == {
        "X-042": "passed",
        "X-045": "passed",
        "X-061": "passed",
    }

"""The exchange kit is worth what it catches: each bug here, put into a good adapter, fails the cases meant for it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.testing.venue_bugs import BUGS, Bug, sample

from arb.api import ExchangeSpec
from arb.simulation import run_virtual
from arb.testing import START_NS, ExchangeConformance
from arb.testing._fakes_world import FAKE_ADDRESS
from arb.testing._kit import require
from arb.testing._kit_desk import Desk
from arb.testing._kit_exchange_base import Body, declared_by, played
from arb.testing._kit_ground import Ground

FAILURES = (Exception, pytest.fail.Exception)
CASES = {name[5:9]: name for name in dir(ExchangeConformance) if name.startswith("test_x")}

BAD = (
    "the tick is too fine",
    "the multiplier is ignored",
    "the index stands for the mark",
    "open interest is the volume",
    "percent is a fraction",
    "a failing page ends the list",
    "reduce-only is forgotten",
    "post-only is forgotten",
    "everything rests",
    "an order's time is in milliseconds",
    "a lost order is sent again",
    "whatever fails is unknown",
    "a cancel swallows errors",
    "too little margin is a plain refusal",
    "every account has a limit of its own",
    "gaps are passed over",
    "silence is patience",
    "a socket is never closed",
    "headers are logged",
    "fills are listed twice",
    "a fee is a gain",
    "payments have the other sign",
    "equity is cash",
    "no liquidation price is zero",
    "leverage is always cross",
)
"""What the deliberately bad plugin does wrong, all at once."""


def play(plugin: ModuleType, case: str) -> None:
    """Run one case of the kit as pytest does."""
    (spec,) = plugin.arb_exchanges()
    assert isinstance(spec, ExchangeSpec)
    assert spec.fake is not None
    ground = Ground(spec, spec.settings.model_validate(dict(spec.fake.settings(FAKE_ADDRESS))))

    def use(body: Body, *needed: str, ahead_ns: int = 0) -> None:
        require(declared_by(spec), *needed)

        async def main() -> None:
            ground.ahead_ns = ahead_ns
            context = ground.context()
            async with asyncio.timeout(30 * 86_400), ground.client(context) as exchange:
                await played(await Desk.open(exchange, context, {"base": "BTC"}, ground), body)

        run_virtual(main(), start_ns=START_NS)

    getattr(ExchangeConformance(), CASES[case])(use)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_of_an_adapter_is_caught(bug: Bug, tmp_path: Path) -> None:
    with sample(tmp_path, [bug]) as plugin:
        for case in bug.cases:
            with pytest.raises(FAILURES) as caught:
                play(plugin, case)
            # Caught by the kit, not because the bug is no Python.
            assert not isinstance(caught.value, NameError | ImportError), f"{bug.name}: {caught.value!r}"


def test_without_a_bug_every_one_of_these_cases_passes(tmp_path: Path) -> None:
    with sample(tmp_path) as plugin:
        for case in sorted({case for bug in BUGS for case in bug.cases}):
            play(plugin, case)


def test_there_are_enough_bugs() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 20


def test_a_bad_plugin_fails_by_many_names(tmp_path: Path) -> None:
    """A plugin with many bugs at once, through the process that `arb plugins check` starts."""
    bad = [bug for bug in BUGS if bug.name in BAD]
    assert len(bad) == len(BAD)
    with sample(tmp_path, bad):
        pass
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "test_bad.py").write_text(
        "from arb.testing import ExchangeConformance\n"
        "from sample_venue import plugin\n\n\n"
        "class TestBad(ExchangeConformance):\n"
        "    plugin = plugin\n",
        encoding="utf-8",
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    command = [sys.executable, "-m", "arb.testing._check", str(tmp_path)]
    subprocess.run(command, env=environ, check=False, capture_output=True)
    lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text(encoding="utf-8").splitlines()]
    failed = {line["case"] for line in lines if line["event"] == "failed"}
    assert len(failed) >= 30, sorted(failed)
    for bug in bad:
        assert failed & {case.replace("x", "X-") for case in bug.cases}, f"{bug.name} went unnoticed"

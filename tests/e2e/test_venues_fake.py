"""`arb venues fake` as a client meets it."""

from __future__ import annotations

import importlib.util
import json
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

Arb = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def installed() -> None:
    if importlib.util.find_spec("arb_exchange_backpack") is None:
        pytest.skip("not installed: arb_exchange_backpack")


@contextmanager
def serving(start: Start, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with start("venues", "fake", "backpack", "--json", *options) as process:
        try:
            assert process.stdout is not None
            text = ""
            while not text.endswith("\n}\n"):
                line = process.stdout.readline()
                assert line, process.communicate()[1]
                text += line
            yield process, json.loads(text)["address"]
        finally:
            process.kill()


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def test_it_answers_as_the_venue_and_stops_at_ctrl_c(start: Start) -> None:
    with serving(start, "--assets", "BTC,SOL") as (process, address):
        assert get(f"{address}/api/v1/ping") == b"pong"
        markets = json.loads(get(f"{address}/api/v1/markets"))
        assert {row["symbol"] for row in markets} == {"BTC_USDC_PERP", "SOL_USDC_PERP"}
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors.strip()) == (0, "stopped")


def test_a_lost_answer_is_a_connection_that_ends(start: Start) -> None:
    with serving(start, "--trouble", "lost_answer=100%") as (_, address), pytest.raises(OSError, match=r"closed|reset"):
        get(f"{address}/api/v1/markets")


def test_what_cannot_be_served_is_said_in_one_line(arb: Arb) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options, said in (
            (("--port", port), f"port {port} cannot be used"),
            (("--assets", "BTC,NOPE"), "has no 'NOPE'"),
            (("--trouble", "lost_answer=120%"), "no share from 0% to 100%"),
            (("--trouble", "earthquake=1%"), "write NAME=PERCENT%"),
            (("--drop-sockets", "0s"), "not a duration above zero"),
        ):
            done = arb("venues", "fake", "backpack", *options)
            assert done.returncode in (1, 2), done.stderr
            assert said in done.stderr
            assert "Traceback" not in done.stderr

"""A paper run on the wall clock over a third party's exchange plugin and real sockets."""

from __future__ import annotations

import gzip
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

Arb = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
Paper = Callable[[str], tuple[str, str]]

KEY = "C4NARY-0123456789-abc"
PRICE = Decimal(50_000)
CONFIG = """
[run]
collect_every = "1s"
sample_every = "1s"

[storages.main]
plugin = "sqlite"
settings = {{ path = "run.db" }}

[exchanges.calm]
plugin = "http_venue"
settings = {{ url = "{url}/calm", key = "env:VENUE_KEY" }}

[exchanges.odd]
plugin = "http_venue"
settings = {{ url = "{url}/odd", key = "file:key.txt" }}

[strategies.carry]
plugin = "funding_arbitrage"
exchanges = ["calm", "odd"]

[strategies.carry.settings]
cycle = "1s"
confirm = "1s"
rotate = false
"""


class Venues(ThreadingHTTPServer):
    """Two venues; what `odd` answers is up to the test.

    Attributes:
        rate: The funding rate of `odd`, a fraction each hour; `calm` has none.
        answers: Bodies of `odd` by path that replace the true ones.
        asked: Every path that was asked for, with its query.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rate = "0.001"
        self.answers: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.next_s = int(time.time()) + 1800  # noqa: TID251 - a real venue has its own clock

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, venue: str, what: str) -> bytes:
        if venue == "odd" and what in self.answers:
            return self.answers[what]
        truth: dict[str, Any] = {
            "instruments": {"fee": "0.0001"},
            "book": {
                "bids": [[str(PRICE - step), "5"] for step in range(1, 6)],
                "asks": [[str(PRICE + step), "5"] for step in range(1, 6)],
            },
            "stats": {"mark": str(PRICE)},
            "funding": {"rate": self.rate if venue == "odd" else "0", "next": self.next_s},
        }
        return json.dumps(truth[what]).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Venues

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        _, venue, what = self.path.partition("?")[0].split("/")
        body = self.server.answer(venue, what)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing to the test's output."""


@pytest.fixture
def venues() -> Iterator[Venues]:
    with Venues() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def configured(venues: Venues, environ: dict[str, str], tmp_path: Path) -> Path:
    """Install the plugin where only this test sees it, and write the configuration."""
    site = tmp_path / "site"
    info = site / "arb_exchange_http_venue-1.0.dist-info"
    info.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("http_venue.py"), site / "arb_exchange_http_venue.py")
    metadata = "Metadata-Version: 2.1\nName: arb-exchange-http-venue\nVersion: 1.0\nRequires-Dist: arb-core>=0.1,<0.2\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    (info / "entry_points.txt").write_text("[arb.exchanges]\nhttp_venue = arb_exchange_http_venue\n", encoding="utf-8")
    environ |= {"PYTHONPATH": str(site), "VENUE_KEY": KEY, "ARB_TRACEBACK": "1"}
    (tmp_path / "key.txt").write_text(f"{KEY}\n", encoding="utf-8")
    (tmp_path / "run.toml").write_text(CONFIG.format(url=venues.url), encoding="utf-8")
    return tmp_path


@pytest.fixture
def paper(start: Start) -> Callable[[str], tuple[str, str]]:
    """Run on paper until a line of the log holds a text, stop, and return report and log."""

    def run(awaited: str) -> tuple[str, str]:
        with start("run", "-c", "run.toml", "--paper", "--until", "60s", "--json") as process:
            assert process.stderr is not None
            lines = []
            for line in process.stderr:
                lines.append(line)
                if awaited in line:
                    process.send_signal(signal.SIGINT)
                    break
            out, rest = process.communicate(timeout=30)
        log = "".join(lines) + rest
        assert (process.returncode, awaited in log, "Traceback" in log) == (0, True, False), log
        return out, log

    return run


def balanced(out: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(out)
    assert Decimal(report["unexplained"]) == 0
    assert sum(Decimal(part) for part in report["parts"].values()) == Decimal(report["equity_change"])
    return report


def test_a_hedge_is_opened_and_closed_on_paper_and_the_account_is_never_touched(
    venues: Venues, configured: Path, paper: Paper, arb: Arb
) -> None:
    first = paper("hedge.opened")
    venues.rate = "-0.001"
    second = paper("hedge.closed")

    report = balanced(second[0])
    assert report["hedges_opened"] >= report["hedges_closed"] == 1
    commands = (("config", "show", "run.toml"), ("events", "-c", "run.toml", "--json"))
    told = "".join((*first, *second, *(arb(*command).stdout for command in commands)))
    assert "hedge.closed" in told
    assert any(KEY in path for path in venues.asked)
    assert KEY not in told
    assert KEY.encode() not in b"".join(path.read_bytes() for path in configured.glob("run.db*"))


def test_a_recording_of_a_run_holds_every_answer_and_no_key(venues: Venues, configured: Path, arb: Arb) -> None:
    for command in (("run", "--until", "3s"), ("funding", "collect")):
        done = arb(*command, "-c", "run.toml", "--record", "traffic")
        assert done.returncode in (0, 5), done.stderr
        assert "Recording the traffic of calm, odd in traffic; secrets are left out." in done.stderr
    files = sorted((configured / "traffic").iterdir())
    assert [file.name.partition("-")[0] for file in files] == ["calm", "calm", "odd", "odd"]
    texts = [gzip.decompress(file.read_bytes()).decode() for file in files]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]

    assert not [text for text in texts if KEY in text]
    assert sum(line["kind"] == "request" for line in lines) == len(venues.asked)
    bodies = {line["body"] for line in lines if line["kind"] == "answer"}
    assert venues.answer("odd", "book").decode() in bodies
    assert venues.answer("odd", "instruments").decode() in bodies


def test_prices_and_rates_that_cannot_be_true_cost_nothing_and_open_nothing(
    venues: Venues, configured: Path, paper: Paper
) -> None:
    paper("hedge.opened")
    # The mark price would liquidate the short leg, the rate ask for another hedge.
    venues.answers = {"stats": b'{"mark": "5000000"}', "funding": b'{"rate": "1", "next": 1e300}'}
    out, log = paper("its mark price went from")

    report = balanced(out)
    assert report["hedges_opened"] == 1
    assert abs(Decimal(report["equity_change"])) < 5
    assert "hedge.closing" not in log
    assert "is the unit of the" in log


def test_without_a_word_on_arming_nothing_runs_live(configured: Path, arb: Arb) -> None:
    result = arb("run", "-c", "run.toml", "--live", "--yes-live", "run", "--until", "1s")
    assert result.returncode == 2
    assert "armed" in result.stderr
    assert not (configured / "run.db").exists()

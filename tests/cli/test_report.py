from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from arb.cli._curves import curves_of
from arb.cli._money import duration, exact, minute, signed, usd
from arb.cli._plot import INSTALL_HINT, PlotUnavailable, draw
from arb.cli._report import Report, document
from arb.cli._session import publish
from arb.model import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    EquitySample,
    ExchangeName,
    FillId,
    HedgeId,
    HedgeStatus,
    InstrumentId,
    PaymentId,
    PositionSide,
    Side,
)
from arb.storage import FillLine, HedgeAccount, LegAccount, Parts, PaymentLine, RunAccount, Unattributed, WalletAccount

Arb = Callable[..., Result]

START_NS = 1_767_225_600 * SECOND_NS
END_NS = START_NS + 2 * DAY_NS
LONG, SHORT = InstrumentId("BTC-PERP.north"), InstrumentId("BTC-PERP.south")
PARTS = Parts(price=Decimal("1.005"), funding=Decimal("3.00000001"), fees=Decimal(-2), slippage=Decimal("-0.5"))


def fill(ts_ns: int, instrument: InstrumentId, side: Side, fees_usd: str | None = "-1") -> FillLine:
    return FillLine(
        ts_ns=ts_ns,
        instrument=instrument,
        fill_id=FillId(f"f{ts_ns}"),
        client_order_id=ClientOrderId("o1"),
        side=side,
        quantity=Decimal("0.1000"),
        price=Decimal(50_005),
        arrival_price=Decimal(50_000),
        fee=Decimal(1),
        fee_currency="USDC",
        fees_usd=None if fees_usd is None else Decimal(fees_usd),
        slippage_usd=Decimal("-0.25"),
    )


def payment(ts_ns: int, usd_amount: str) -> PaymentLine:
    return PaymentLine(
        settled_ns=ts_ns,
        exchange=ExchangeName("south"),
        instrument=SHORT,
        payment_id=PaymentId(f"p{ts_ns}"),
        rate=None,
        quantity=Decimal("-0.1"),
        price=None,
        amount=Decimal(usd_amount),
        currency="USDC",
        usd=Decimal(usd_amount),
    )


def leg(instrument: InstrumentId, side: PositionSide) -> LegAccount:
    return LegAccount(
        instrument=instrument,
        exchange=ExchangeName(instrument.rpartition(".")[2]),
        side=side,
        entry_ns=START_NS + HOUR_NS,
        entry_quantity=Decimal("0.1"),
        entry_price=Decimal(50_005),
        exit_ns=None,
        exit_quantity=Decimal(0),
        exit_price=None,
        parts=Parts(),
        total_usd=Decimal(0),
    )


def hedge(status: HedgeStatus = HedgeStatus.OPEN) -> HedgeAccount:
    return HedgeAccount(
        hedge_id=HedgeId("h1"),
        strategy="carry",
        base="BTC",
        status=status,
        created_ns=START_NS + HOUR_NS,
        entry_ns=START_NS + HOUR_NS,
        exit_ns=None,
        entry_reason="worth it\x1b[2J",
        exit_reason="",
        legs=(leg(LONG, PositionSide.LONG), leg(SHORT, PositionSide.SHORT)),
        fills=(fill(START_NS + HOUR_NS, LONG, Side.BUY), fill(START_NS + HOUR_NS + 1, SHORT, Side.SELL)),
        payments=(payment(START_NS + 8 * HOUR_NS, "2"), payment(START_NS + 16 * HOUR_NS, "1.00000001")),
        parts=PARTS,
        total_usd=PARTS.total,
        max_abs_delta_usd=Decimal(5000),
    )


def account(**changes: Any) -> RunAccount:
    start, end = Decimal(20_000), Decimal(20_000) + PARTS.total
    whole = RunAccount(
        start_ns=START_NS,
        end_ns=END_NS,
        equity_start_usd=start,
        equity_end_usd=end,
        equity_change=end - start,
        parts=PARTS,
        unexplained=Decimal(0),
        hedges_opened=1,
        hedges_closed=0,
        max_abs_delta_usd=Decimal(5000),
        hedges=(hedge(),),
        unattributed=Unattributed(fills=(), payments=(), parts=Parts(), total_usd=Decimal(0)),
        wallets=(
            WalletAccount(
                exchange=ExchangeName("north"),
                currency="USDC",
                start_ns=START_NS,
                end_ns=END_NS,
                start_equity=start,
                end_equity=end,
                start_usd_rate=Decimal(1),
                end_usd_rate=Decimal(1),
                equity_change=end - start,
                unexplained=Decimal(0),
            ),
        ),
        alarms=(),
    )
    return replace(whole, **changes)


def sample(ts_ns: int, exchange: str, equity: str) -> EquitySample:
    return EquitySample(
        ts_ns=ts_ns,
        exchange=ExchangeName(exchange),
        currency="USDC",
        cash=Decimal(equity),
        equity=Decimal(equity),
        usd_rate=Decimal(1),
    )


SAMPLES = (
    sample(START_NS, "north", "100"),
    sample(START_NS + 5, "south", "200"),
    sample(START_NS + HOUR_NS, "south", "150"),
    sample(START_NS + HOUR_NS + 7, "north", "153"),
)


def report(**changes: Any) -> Report:
    return Report(
        account=account(**changes),
        mode="SIMULATED",
        seed=7,
        stopped="the end time was reached",
        simulated_seconds=172_800.0,
        wall_seconds=1.23456,
        equity=SAMPLES,
        halts=(),
    )


def test_the_parts_of_the_document_are_exact_text() -> None:
    written = json.loads(json.dumps(document(report())))
    assert written["parts"]["funding"] == "3.00000001"
    assert sum(Decimal(part) for part in written["parts"].values()) == Decimal(written["equity_change"])
    assert written["wall_seconds"] == 1.235
    assert list(written)[:3] == ["equity_change", "parts", "unexplained"]
    assert written["hedges"][0]["payments"][1]["usd"] == "1.00000001"
    assert written["counters"]["settlements"] == 2


def test_the_text_shows_every_digit_of_the_sum(capsys: pytest.CaptureFixture[str]) -> None:
    assert publish(report(), as_json=False) == 0
    text = capsys.readouterr().out
    assert "equity change +1.50500001" in " ".join(text.split())
    assert "unexplained 0.00" in " ".join(text.split())


def test_details_list_settlements_and_show_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    publish(report(), as_json=False, details=True)
    text = capsys.readouterr().out
    assert "+1.00000001" in text
    assert "worth it\\x1b[2J" in text
    assert "\x1b[2J" not in text


def test_books_that_do_not_balance_are_loud(capsys: pytest.CaptureFixture[str]) -> None:
    broken = report(unexplained=Decimal("-0.01"), alarms=("north USDC: a withdrawal?",))
    assert publish(broken, as_json=False) == 6
    text = capsys.readouterr().out
    assert "THE BOOKS DO NOT BALANCE: -0.01 USD" in text
    assert "ALARM north USDC: a withdrawal?" in text
    assert publish(broken, as_json=True) == 6


def test_what_venues_round_is_shown_and_is_no_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    assert publish(report(unexplained=Decimal("0.00999")), as_json=False) == 0
    text = capsys.readouterr().out
    assert "0.00999" in text
    assert "DO NOT BALANCE" not in text


def test_a_halted_hedge_has_the_exit_code_of_a_halt(capsys: pytest.CaptureFixture[str]) -> None:
    assert publish(report(hedges=(hedge(HedgeStatus.HALTED),)), as_json=True) == 6
    assert json.loads(capsys.readouterr().out)["counters"]["hedges_halted_now"] == 1


def test_a_run_without_a_sample_is_reported_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    empty = report(start_ns=None, end_ns=None, hedges=(), wallets=())
    assert publish(empty, as_json=False, plot=Path("never.svg")) == 0
    captured = capsys.readouterr()
    assert "no equity sample yet" in captured.out
    assert "no plot" in captured.err
    assert not Path("never.svg").exists()
    written = document(empty)
    assert written["equity_start_usd"] is written["equity_end_usd"] is None


def test_eighty_columns_of_a_terminal_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with os.fdopen(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        publish(report(hedges=(hedge(HedgeStatus.CLOSED), hedge(HedgeStatus.HALTED))), as_json=False)
        monkeypatch.undo()
    read: list[bytes] = []
    with suppress(OSError):  # how a terminal that nobody writes to any more ends
        while chunk := os.read(reader, 65_536):
            read.append(chunk)
    os.close(reader)
    text = re.sub(r"\x1b\[\d*m", "", b"".join(read).decode())
    assert max(map(len, text.splitlines())) <= 80
    assert "PRICE+FX" in text
    assert "halted" in text


def test_the_equity_curve_has_one_point_for_each_round_of_samples() -> None:
    curves = curves_of(account(), SAMPLES)
    assert curves is not None
    assert curves.equity.amounts == (Decimal(0), Decimal(3))
    assert curves.equity.times_ns == (START_NS + 5, START_NS + HOUR_NS + 7)


def test_the_other_curves_end_at_the_parts() -> None:
    curves = curves_of(account(), SAMPLES)
    assert curves is not None
    assert curves.funding.amounts[-1] == PARTS.funding
    assert curves.costs.amounts[-1] == PARTS.fees + PARTS.slippage
    assert curves.held_ns == ((START_NS + HOUR_NS, END_NS),)


def test_a_wallet_that_appears_later_is_no_gain() -> None:
    curves = curves_of(account(), (sample(1, "north", "100"), sample(2, "north", "100"), sample(3, "south", "500")))
    assert curves is not None
    assert set(curves.equity.amounts) == {0}


def test_a_fee_of_unknown_value_is_left_out_of_the_curve() -> None:
    beside = Unattributed(
        fills=(fill(START_NS, LONG, Side.BUY, None),), payments=(), parts=Parts(), total_usd=Decimal(0)
    )
    curves = curves_of(account(hedges=(), unattributed=beside), SAMPLES)
    assert curves is not None
    assert curves.costs.amounts == (Decimal("-0.25"),)


@pytest.mark.parametrize(("name", "begin"), [("run.svg", b"<?xml"), ("run.PNG", b"\x89PNG")])
def test_the_suffix_decides_the_kind_of_picture(tmp_path: Path, name: str, begin: bytes) -> None:
    pytest.importorskip("matplotlib")
    draw(report(), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begin)


def test_the_same_report_gives_the_same_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        draw(report(), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(PlotUnavailable, match="arb-core"):
        draw(report(), tmp_path / "x.svg")
    assert "pip install 'arb-core[plot]'" in INSTALL_HINT


def test_a_plot_that_cannot_be_written_is_an_error_after_the_report(arb: Arb, trading: Path) -> None:
    pytest.importorskip("matplotlib")
    arb("run", "-c", "run.toml", "--quiet")
    Path("taken.svg").mkdir()
    assert arb("report", "-c", "run.toml", "--plot", "taken.svg").exit_code == 2
    Path("gone.svg").symlink_to("nowhere/x.svg")
    result = arb("report", "-c", "run.toml", "--plot", "gone.svg")
    assert result.exit_code == 2
    assert "the plot cannot be written" in result.stderr
    assert "STORED run" in result.stdout


def test_a_stored_run_reports_what_the_run_did(arb: Arb, trading: Path) -> None:
    ran = json.loads(arb("run", "-c", "run.toml", "--json", "--quiet").stdout)
    stored = json.loads(arb("report", "-c", "run.toml", "--json").stdout)
    own = {"wall_seconds", "simulated_seconds", "mode"}
    assert {key: value for key, value in stored.items() if key not in own} == {
        key: value for key, value in ran.items() if key not in own
    }
    assert stored["wall_seconds"] is None
    assert stored["mode"] == "stored"


def test_a_report_needs_nothing_but_the_storage(arb: Arb, trading: Path) -> None:
    arb("run", "-c", "run.toml", "--quiet")
    text = Path("run.toml").read_text(encoding="utf-8").replace('plugin = "t-memory"', 'plugin = "not-installed"')
    Path("run.toml").write_text(text, encoding="utf-8")
    assert arb("report", "-c", "run.toml").exit_code == 0


def test_a_halt_that_stands_is_in_the_report_of_a_stored_run(arb: Arb, trading: Path) -> None:
    arb("run", "-c", "run.toml", "--quiet")
    arb("halt", "-c", "run.toml", "--reason", "prices look wrong")
    result = arb("report", "-c", "run.toml")
    assert result.exit_code == 6
    assert "HALTED halt 1 (all): prices look wrong" in result.stdout
    assert json.loads(arb("report", "-c", "run.toml", "--json").stdout)["halts"] == ["halt 1 (all): prices look wrong"]
    arb("resume", "-c", "run.toml", "--by", "anna", "--reason", "looked")
    assert arb("report", "-c", "run.toml").exit_code == 0


def test_halts_that_nobody_can_read_are_a_halt_in_the_report(arb: Arb, trading: Path) -> None:
    arb("run", "-c", "run.toml", "--quiet")
    Path("run.halts").write_text("damaged", encoding="utf-8")
    result = arb("report", "-c", "run.toml")
    assert result.exit_code == 6
    assert "nobody knows what is halted" in result.stdout


def test_a_report_changes_nothing(arb: Arb, trading: Path) -> None:
    arb("run", "-c", "run.toml", "--quiet")
    before = trading.read_bytes()
    arb("report", "-c", "run.toml", "--details")
    assert trading.read_bytes() == before


def test_a_missing_database_is_an_error(arb: Arb, trading: Path) -> None:
    result = arb("report", "-c", "run.toml")
    assert result.exit_code == 4
    assert str(trading) in result.stderr
    assert not trading.exists()


@pytest.mark.parametrize(
    ("length_ns", "text"),
    [
        (0, "0s"),
        (-SECOND_NS, "0s"),
        (59 * SECOND_NS, "59s"),
        (MINUTE_NS, "1m"),
        (90 * MINUTE_NS, "1h 30m"),
        (DAY_NS - 1, "1d"),
        (30 * DAY_NS - SECOND_NS, "30d"),
        (3 * DAY_NS + 4 * HOUR_NS, "3d 4h"),
    ],
)
def test_durations_are_rounded_to_two_units(length_ns: int, text: str) -> None:
    assert duration(length_ns) == text


@pytest.mark.parametrize(
    ("amount", "rounded", "with_sign", "whole"),
    [
        ("0", "0.00", "0.00", "0.00"),
        ("-0.001", "0.00", "0.00", "-0.001"),
        ("0.001", "0.00", "0.00", "+0.001"),
        ("1234.5", "1,234.50", "+1,234.50", "+1234.50"),
        ("-1E-14", "0.00", "0.00", "-0.00000000000001"),
        ("0E-14", "0.00", "0.00", "0.00"),
    ],
)
def test_amounts(amount: str, rounded: str, with_sign: str, whole: str) -> None:
    value = Decimal(amount)
    assert (usd(value), signed(value), exact(value)) == (rounded, with_sign, whole)


def test_what_is_not_known_is_a_dash() -> None:
    assert usd(None) == signed(None) == minute(None) == "-"

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Arb = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("trading")

RESUME = ("resume", "-c", "run.toml", "--by", "anna", "--reason", "looked at it")


def standing(arb: Arb) -> list[int]:
    return [one["id"] for one in json.loads(arb("halt", "-c", "run.toml", "--list", "--json").stdout)["halts"]]


@pytest.fixture
def halted(arb: Arb, trading: Path) -> None:
    for reason in ("one", "two", "three"):
        arb("halt", "-c", "run.toml", "--reason", reason)


@pytest.mark.usefixtures("halted")
def test_all_are_lifted_in_the_name_of_a_person(arb: Arb) -> None:
    result = arb(*RESUME)
    assert result.exit_code == 0
    assert "Lifted halt 2: every exchange, two" in result.stdout
    assert "reduce-only orders" in result.stdout
    assert standing(arb) == []
    last = json.loads(arb("halt", "-c", "run.toml", "--list", "--all", "--json").stdout)["halts"][-1]
    assert (last["lifted_by"], last["lifted_reason"], last["active"]) == ("anna", "looked at it", False)


@pytest.mark.usefixtures("halted")
def test_a_broken_table_is_in_nobodys_way(arb: Arb) -> None:
    text = Path("run.toml").read_text(encoding="utf-8")
    Path("run.toml").write_text(text.replace("[exchanges.south]", '[exchanges.south]\nleverage = "x"'), "utf-8")
    result = arb(*RESUME)
    assert result.exit_code == 0
    assert "[exchanges.south] leverage" in result.stderr
    assert standing(arb) == []


@pytest.mark.usefixtures("halted")
def test_only_those_that_are_named(arb: Arb) -> None:
    result = arb(*RESUME, "--id", "1", "--id", "3")
    assert "Still standing: 2" in result.stdout
    assert standing(arb) == [2]
    document = json.loads(arb(*RESUME, "--json").stdout)
    assert ([one["id"] for one in document["lifted"]], document["standing"]) == ([2], [])


@pytest.mark.usefixtures("halted")
def test_a_halt_that_never_was_is_a_mistake(arb: Arb) -> None:
    result = arb(*RESUME, "--id", "2", "--id", "7")
    assert result.exit_code == 2
    assert "There is no halt 7" in result.stderr
    assert standing(arb) == [1, 2, 3]


def test_nothing_to_lift_is_no_error_and_makes_no_file(arb: Arb) -> None:
    result = arb(*RESUME)
    assert (result.exit_code, result.stdout) == (0, "Nothing to lift: no halt stands.\n")
    assert not Path("run.halts").exists()
    arb("halt", "-c", "run.toml", "--reason", "x")
    arb(*RESUME)
    assert arb(*RESUME, "--id", "1").stdout == "Nothing to lift: no such halt stands.\n"


@pytest.mark.usefixtures("halted")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--reason", "x"), "Missing option '--by'"),
        (("--by", " ", "--reason", "x"), "is empty"),
        (("--by", "anna"), "Missing option '--reason'"),
        (("--by", "anna", "--reason", ""), "is empty"),
        (("--by", "anna", "--reason", "x", "--id", "0"), "not in the range"),
    ],
)
def test_without_a_person_and_a_reason_nothing_is_lifted(arb: Arb, arguments: tuple[str, ...], message: str) -> None:
    result = arb("resume", "-c", "run.toml", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert standing(arb) == [1, 2, 3]


def test_a_file_that_cannot_be_read_stays_a_halt(arb: Arb) -> None:
    Path("run.halts").write_text("damaged", encoding="utf-8")
    result = arb(*RESUME)
    assert result.exit_code == 4
    assert "Until then everything is halted" in result.stderr
    assert "mv run.halts run.halts.bad" in result.stderr
    assert Path("run.halts").read_text(encoding="utf-8") == "damaged"


@pytest.mark.usefixtures("halted")
def test_a_run_opens_again_after_it(arb: Arb) -> None:
    arb(*RESUME)
    report = json.loads(arb("run", "-c", "run.toml", "--quiet", "--json").stdout)
    assert report["hedges_opened"] == 2
    events = json.loads(arb("events", "-c", "run.toml", "--kind", "halt", "--json").stdout)["events"]
    assert sum(event["kind"] == "halt.lifted" and "anna" in event["message"] for event in events) == 3

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from arb.api import Halted, LeaseLost
from arb.cli._errors import ExitCode, report
from arb.kernel import read_config
from arb.model import ExchangeName
from arb.risk import HaltFile, Halts
from arb.runtime import halt_path
from arb.testing import FakeClock

Arb = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("trading")

NORTH, SOUTH = ExchangeName("north"), ExchangeName("south")


def halts(path: str = "run.halts") -> Halts:
    """Read the halts as a run does."""
    return Halts(HaltFile(Path(path)), FakeClock())


def change(old: str, new: str) -> None:
    file = Path("run.toml")
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_a_halt_is_durable_when_the_command_returns(arb: Arb) -> None:
    result = arb("halt", "-c", "run.toml", "--reason", "prices look wrong")
    assert result.exit_code == 0
    assert "every exchange, prices look wrong" in result.stdout
    (halt,) = halts().active()
    assert (halt.reason, halt.raised_by, halt.is_active) == ("prices look wrong", getpass.getuser(), True)
    assert halts().blocking(NORTH) == halts().blocking(SOUTH) == halt


def test_one_exchange_alone(arb: Arb) -> None:
    assert arb("halt", "-c", "run.toml", "--exchange", "north", "--reason", "down", "--by", "anna").exit_code == 0
    assert halts().blocking(NORTH) is not None
    assert halts().blocking(SOUTH) is None
    assert halts().active()[0].raised_by == "anna"


def test_an_exchange_that_is_not_there_is_a_mistake(arb: Arb) -> None:
    result = arb("halt", "-c", "run.toml", "--exchange", "nroth", "--reason", "down")
    assert result.exit_code == 2
    assert "Did you mean 'north'?" in result.stderr
    assert not Path("run.halts").exists()
    assert "There are north, south." in arb("halt", "-c", "run.toml", "--exchange", "xyz", "--reason", "down").stderr


def test_the_same_halt_is_kept(arb: Arb) -> None:
    first = json.loads(arb("halt", "-c", "run.toml", "--reason", "x", "--json").stdout)
    again = arb("halt", "-c", "run.toml", "--reason", "x")
    assert "Halt 1 already stands" in again.stdout
    assert first["halt"]["id"] == 1
    assert [halt.halt_id for halt in halts().active()] == [1]


def test_it_works_while_everything_else_is_broken(arb: Arb, trading: Path) -> None:
    trading.write_bytes(b"this is not a database" * 100)
    for plugin in ("t-file", "t-memory", "t-once"):
        change(f'plugin = "{plugin}"', 'plugin = "not-installed"')
    assert arb("halt", "-c", "run.toml", "--reason", "fire").exit_code == 0
    assert halts().active()


def test_mistakes_elsewhere_in_the_configuration_do_not_matter(arb: Arb) -> None:
    change('exchanges = ["north", "south"]', 'exchanges = ["nroth"]')
    change("[storages.main]", "[risk]\nmax_hedges = -1\n[colour]\n[storages.main]")
    change("[exchanges.north]", "[exchanges.north]\nleverage = 50")
    result = arb("halt", "-c", "run.toml", "--exchange", "north", "--reason", "fire")
    assert result.exit_code == 0
    assert "max_hedges" in result.stderr
    assert "Going on: it does not matter here." in result.stderr
    assert halts().blocking(NORTH) is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[exchanges.south]", '[exchanges.south]\nleverage = "x"'),
        ("[exchanges.north]", '[exchanges.north]\narmed = "perhaps"'),
        ('plugin = "t-file"', "# no plugin"),
    ],
)
def test_a_broken_table_stops_no_halt_of_any_exchange(arb: Arb, old: str, new: str) -> None:
    change(old, new)
    for exchange in (NORTH, SOUTH):
        result = arb("halt", "-c", "run.toml", "--exchange", exchange, "--reason", "fire")
        assert result.exit_code == 0
        assert halts().blocking(exchange) is not None
        assert "Going on with what can be used." in result.stderr
    assert arb("halt", "-c", "run.toml", "--reason", "fire").exit_code == 0
    assert [halt.scope for halt in halts().active()] == ["north", "south", "all"]
    assert "Did you mean 'south'?" in arb("halt", "-c", "run.toml", "--exchange", "suoth", "--reason", "fire").stderr


@pytest.mark.parametrize(("old", "new"), [("[run]", "[run"), ("[run]", "[run]\nclose_timeout = 5")])
def test_without_a_table_run_nobody_knows_where_the_halts_are(arb: Arb, old: str, new: str) -> None:
    change(old, new)
    result = arb("halt", "-c", "run.toml", "--reason", "fire")
    assert result.exit_code == 2
    assert "run.toml" in result.stderr
    assert not Path("run.halts").exists()


def test_a_halt_by_the_name_of_a_link_reaches_the_run(arb: Arb) -> None:
    Path("live.toml").symlink_to("run.toml")
    arb("halt", "-c", "live.toml", "--reason", "not now")
    report = json.loads(arb("run", "-c", "run.toml", "--quiet", "--json").stdout)
    assert report["hedges_opened"] == 0
    assert len(report["halts"]) == 1


def test_a_run_that_is_halted_opens_nothing(arb: Arb) -> None:
    arb("halt", "-c", "run.toml", "--exchange", "south", "--reason", "not now")
    report = json.loads(arb("run", "-c", "run.toml", "--quiet", "--json").stdout)
    assert report["hedges_opened"] == 0
    events = json.loads(arb("events", "-c", "run.toml", "--json").stdout)["events"]
    assert any("not now" in event["message"] for event in events)
    assert json.loads(arb("orders", "-c", "run.toml", "--json").stdout)["orders"] == []


def test_the_halts_that_stand_are_listed(arb: Arb) -> None:
    assert arb("halt", "-c", "run.toml", "--list").stdout == "No halt stands.\n"
    assert arb("halt", "-c", "run.toml", "--list", "--all").stdout == "There never was a halt.\n"
    arb("halt", "-c", "run.toml", "--reason", "one\x1b[2J", "--by", "anna")
    arb("halt", "-c", "run.toml", "--exchange", "north", "--reason", "two", "--by", "ben")
    arb("resume", "-c", "run.toml", "--by", "carla", "--reason", "looked", "--id", "1")
    standing = arb("halt", "-c", "run.toml", "--list").stdout
    assert "ben" in standing
    assert "anna" not in standing
    every = arb("halt", "-c", "run.toml", "--list", "--all").stdout
    assert "one\\x1b[2J" in every
    assert "carla" in every
    document = json.loads(arb("halt", "-c", "run.toml", "--list", "--all", "--json").stdout)
    assert [(one["id"], one["scope"], one["active"]) for one in document["halts"]] == [
        (1, "all", False),
        (2, "north", True),
    ]
    assert document["halts"][0]["lifted_by"] == "carla"
    assert document["file"].endswith("run.halts")


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "not json", '{"format": 2, "halts": []}', '{"format": 1, "halts": [{}]}']
)
def test_a_file_that_cannot_be_read_is_a_halt_and_is_left_alone(arb: Arb, content: str) -> None:
    Path("run.halts").write_text(content, encoding="utf-8")
    assert halts().blocking(NORTH) is not None
    raised = arb("halt", "-c", "run.toml", "--reason", "x")
    assert raised.exit_code == 4
    assert "everything is halted anyway" in raised.stderr
    listed = arb("halt", "-c", "run.toml", "--list")
    assert listed.exit_code == 4
    assert "mv run.halts run.halts.bad" in listed.stderr
    assert Path("run.halts").read_text(encoding="utf-8") == content


def test_a_halt_that_cannot_be_stored_says_that_nothing_is_halted(arb: Arb) -> None:
    Path("run.halts.new").mkdir()
    result = arb("halt", "-c", "run.toml", "--reason", "x")
    assert result.exit_code == 4
    assert "this command halted nothing: stop `arb run` instead" in result.stderr


def test_a_file_in_a_folder_that_is_not_there_halts_everything(arb: Arb) -> None:
    change("[run]", '[run]\nhalt_file = "no/such/folder.halts"')
    result = arb("halt", "-c", "run.toml", "--list")
    assert result.exit_code == 4
    assert "is not there" in result.stderr
    assert "everything is halted" in result.stderr


def test_the_file_is_beside_the_configuration_unless_it_says_where(arb: Arb, tmp_path: Path) -> None:
    config = read_config(Path("run.toml"))
    assert halt_path(config, Path("some/arb.toml")) == Path("some/arb.halts")
    assert halt_path(config, Path("carry.prod.yaml")) == Path("carry.prod.halts")
    change("[run]", '[run]\nhalt_file = "kept/all.halts"')
    config = read_config(Path("run.toml"))
    assert halt_path(config, Path("some/arb.toml")) == Path("some/kept/all.halts")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    change("kept/all.halts", str(folder / "all.halts"))
    assert arb("halt", "-c", "run.toml", "--reason", "x").exit_code == 0
    assert halts(str(folder / "all.halts")).active()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--reason TEXT"),
        (("--reason", "  "), "is empty"),
        (("--reason", "x", "--by", ""), "is empty"),
        (("--reason", "x", "--list"), "--list shows halts"),
        (("--reason", "x", "--all"), "--all goes with --list only"),
        (("--list", "--exchange", "north"), "--list shows halts"),
        (("--reason", "x", "-c", "gone.toml"), "gone.toml"),
    ],
)
def test_wrong_options(arb: Arb, arguments: tuple[str, ...], message: str) -> None:
    result = arb("halt", "-c", "run.toml", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not Path("run.halts").exists()


@pytest.mark.parametrize("error", [Halted("halt 1"), LeaseLost("taken")])
def test_a_halt_and_a_lost_lease_have_the_exit_code_of_a_halt(error: Exception) -> None:
    assert report(error) == ExitCode.HALTED

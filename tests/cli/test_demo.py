from __future__ import annotations

import tomllib
from collections.abc import Callable
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest
from click.testing import Result

from arb.api import ConfigError
from arb.cli._demo_run import CONFIGURATION, DATABASE, Wanted, prepare
from arb.kernel import parse_config, read_config
from arb.model import DAY_NS

Arb = Callable[..., Result]


def wanted(seed: int | None = None, days: int | None = None, folder: Path | None = None) -> Wanted:
    return Wanted(seed=seed, days=days, folder=folder)


def test_the_bundled_configuration_is_whole(tmp_path: Path) -> None:
    config = read_config(prepare(wanted(), tmp_path))
    assert len(config.exchanges) == 3
    assert config.run.start_ns is not None
    assert config.run.until_ns is not None
    assert config.run.until_ns - config.run.start_ns >= 30 * DAY_NS
    assert config.storages["main"].settings == {"path": str(tmp_path / DATABASE)}


def test_seed_and_days_are_written_into_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / 'a "strange" näme\\' / "below"
    run = read_config(prepare(wanted(seed=11, days=3), folder)).run
    assert run.seed == 11
    assert run.start_ns is not None
    assert run.until_ns == run.start_ns + 3 * DAY_NS
    assert read_config(folder / CONFIGURATION).storages["main"].settings["path"] == str(folder / DATABASE)


def test_a_folder_with_a_demo_is_used_as_it_is(tmp_path: Path) -> None:
    first = prepare(wanted(seed=11, days=3), tmp_path).read_bytes()
    assert prepare(wanted(), tmp_path).read_bytes() == first
    assert prepare(wanted(seed=11, days=3), tmp_path).read_bytes() == first


@pytest.mark.parametrize(
    ("other", "message"), [(wanted(seed=12), "is a demo with seed 11"), (wanted(days=4), "is a demo until 2026-01-04")]
)
def test_a_folder_with_another_demo_is_refused(tmp_path: Path, other: Wanted, message: str) -> None:
    prepare(wanted(seed=11, days=3), tmp_path)
    with pytest.raises(ConfigError, match=message):
        prepare(other, tmp_path)


def test_a_database_without_its_configuration_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"")
    with pytest.raises(ConfigError, match=r"is there without .*demo\.toml"):
        prepare(wanted(), tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        prepare(wanted(), tmp_path / "file" / "below")


def test_a_broken_configuration_in_the_folder_is_told(arb: Arb, tmp_path: Path) -> None:
    (tmp_path / CONFIGURATION).write_text("run = 3\n")
    result = arb("demo", "--data", str(tmp_path))
    assert result.exit_code == 2
    assert CONFIGURATION in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--no-plot", "--plot", "x.svg"), "contradict each other"),
        (("--plot", "x.pdf"), "must end with .png or .svg"),
        (("--seed", "x"), "not a valid integer"),
        (("--days", "0"), "not in the range"),
    ],
)
def test_wrong_options_are_one_message_and_exit_code_2(arb: Arb, arguments: tuple[str, ...], message: str) -> None:
    result = arb("demo", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(Path().iterdir())


def test_without_its_plugins_it_says_which_are_missing(arb: Arb) -> None:
    result = arb("--no-plugins", "demo", "--no-plot")
    assert result.exit_code in (2, 3)
    assert "simulated" in result.stderr
    assert "Traceback" not in result.output


def test_the_text_of_the_configuration_is_toml() -> None:
    text = resources.files("arb.cli").joinpath(CONFIGURATION).read_text(encoding="utf-8")
    config = parse_config(tomllib.loads(text, parse_float=Decimal), CONFIGURATION)
    assert config.storages["main"].settings == {"path": ":memory:"}


def test_an_empty_folder_name_is_not_this_folder(arb: Arb) -> None:
    result = arb("demo", "--data", "")
    assert result.exit_code == 2
    assert "Invalid value for '--data': '' is not a folder" in result.output


def test_a_device_is_no_folder(arb: Arb) -> None:
    assert "'/dev/null' is not a folder" in arb("demo", "--data", "/dev/null").output

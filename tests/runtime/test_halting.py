"""The file of the halts is one file, whatever name the configuration goes by."""

from __future__ import annotations

from pathlib import Path

import pytest

from arb.kernel import Config, parse_config
from arb.runtime import halt_path


def config(**run: str) -> Config:
    tables = {"storages": {"main": {"plugin": "x"}}, "exchanges": {"a": {"plugin": "x"}}, "run": run}
    return parse_config(tables, "test")


@pytest.fixture
def link(tmp_path: Path) -> Path:
    """Make a link to a configuration in another folder, over a second link."""
    release = tmp_path / "release"
    release.mkdir()
    (release / "carry.toml").touch()
    (tmp_path / "between.toml").symlink_to("release/carry.toml")
    link = tmp_path / "arb.toml"
    link.symlink_to(tmp_path / "between.toml")
    return link


@pytest.mark.parametrize("run", [{}, {"halt_file": "kept.halts"}])
def test_a_link_has_the_halts_of_its_file(link: Path, run: dict[str, str]) -> None:
    file = link.resolve()
    assert halt_path(config(**run), link) == halt_path(config(**run), file)
    assert halt_path(config(**run), link).parent == file.parent


def test_an_absolute_path_is_kept(link: Path, tmp_path: Path) -> None:
    assert halt_path(config(halt_file=str(tmp_path / "all.halts")), link) == tmp_path / "all.halts"


def test_a_file_that_is_no_link_keeps_the_path_it_was_given() -> None:
    assert halt_path(config(), Path("some/arb.toml")) == Path("some/arb.halts")

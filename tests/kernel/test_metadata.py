from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from arb.kernel._metadata import installed_dists, normalise


def make(folder: Path, info: str, **files: str | bytes) -> Path:
    path = folder / info
    path.mkdir(parents=True)
    for name, text in files.items():
        raw = text.encode() if isinstance(text, str) else text
        (path / name.replace("entry_points", "entry_points.txt").replace("requires", "requires.txt")).write_bytes(raw)
    return path


HEAD = "Metadata-Version: 2.1\nName: {}\nVersion: 1.0\nRequires-Dist: arb-core>=0.1\n\nbody\n"
ENTRY = "[arb.exchanges]\nx = x.plugin\n"


def test_it_agrees_with_importlib_on_this_environment() -> None:
    theirs = {
        (entry.dist.name.lower(), entry.dist.version, entry.name, entry.value)
        for entry in metadata.entry_points(group="console_scripts")
        if entry.dist is not None
    }
    ours = set()
    for dist in installed_dists("console_scripts"):
        assert dist.problem == ""
        for _, line in dist.entries:
            name, _, value = (part.strip() for part in line.partition("="))
            ours.add((dist.name, dist.version, name, value))
    assert {(normalise(dist), *rest) for dist, *rest in theirs} == ours
    assert len(ours) >= 2


def test_it_agrees_with_importlib_on_requirements() -> None:
    for dist in installed_dists("console_scripts"):
        assert list(dist.requires) == (metadata.requires(dist.name) or [])


def test_the_first_of_a_name_on_the_path_wins(tmp_path: Path) -> None:
    make(tmp_path / "a", "Arb.X-1.0.dist-info", METADATA=HEAD.format("arb-x"), entry_points=ENTRY)
    make(tmp_path / "b", "arb_x-2.0.dist-info", METADATA=HEAD.format("arb-x"), entry_points=ENTRY)
    make(tmp_path / "b", "arb_y-2.0.dist-info", METADATA=HEAD.format("arb-y"))

    found = list(installed_dists("arb.", [str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "missing")]))

    assert [(dist.name, dist.version) for dist in found] == [("arb-x", "1.0")]


def test_one_without_entry_points_hides_a_later_one(tmp_path: Path) -> None:
    make(tmp_path / "a", "arb_x-1.0.dist-info", METADATA=HEAD.format("arb-x"))
    make(tmp_path / "b", "arb_x-2.0.dist-info", METADATA=HEAD.format("arb-x"), entry_points=ENTRY)

    assert list(installed_dists("arb.", [str(tmp_path / "a"), str(tmp_path / "b")])) == []


def test_an_egg_info_folder_is_read_too(tmp_path: Path) -> None:
    make(
        tmp_path,
        "arb_x.egg-info",
        **{"PKG-INFO": "Name: arb-x\nVersion: 3.0\n"},
        entry_points=ENTRY,
        requires="arb-core>=0.1\n\n[dev]\npytest\n",
    )

    (dist,) = installed_dists("arb.", [str(tmp_path)])

    assert (dist.version, dist.requires) == ("3.0", ("arb-core>=0.1",))


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"METADATA": b"Name: arb-x\xff\n", "entry_points": ENTRY}, "not UTF-8"),
        ({"METADATA": HEAD.format("arb-x"), "entry_points": ENTRY.encode() + b"\xff"}, "not UTF-8"),
        ({"entry_points": ENTRY}, "PKG-INFO cannot be read: No such file"),
        ({"METADATA": "", "entry_points": ENTRY}, "has no name and no version"),
        ({"METADATA": "Name: arb-x\n", "entry_points": ENTRY}, "has no version"),
    ],
)
def test_damaged_metadata_is_a_problem_not_an_exception(
    tmp_path: Path, files: dict[str, str | bytes], problem: str
) -> None:
    make(tmp_path, "arb_x-1.0.dist-info", **files)

    (dist,) = installed_dists("arb.", [str(tmp_path)])

    assert problem in dist.problem
    assert dist.name == "arb-x"


def test_entry_points_that_cannot_be_opened_are_a_problem_of_ours_only(tmp_path: Path) -> None:
    for name in ("arb_x-1.0.dist-info", "other-1.0.dist-info"):
        (tmp_path / name / "entry_points.txt").mkdir(parents=True)

    (dist,) = installed_dists("arb.", [str(tmp_path)])

    assert dist.name == "arb-x"
    assert "cannot be read" in dist.problem


def test_a_file_that_only_looks_like_metadata_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "arb_x.egg-info").write_text("Name: arb-x\n")
    (tmp_path / "notes.txt").write_text("")

    assert list(installed_dists("arb.", [str(tmp_path), str(tmp_path / "notes.txt")])) == []

"""A generated plugin is a distribution: it builds, installs, is discovered and passes its kit."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from arb.cli.plugins_new import placeholders, write_plugin
from arb.kernel import Family, installed_plugins

pytestmark = pytest.mark.skipif(
    int(version("setuptools").partition(".")[0]) < 77, reason="building offline needs setuptools 77 or newer"
)

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
OFFLINE = ["--no-deps", "--no-build-isolation", "--no-index"]


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("family", list(Family))
def test_its_wheel_holds_its_package(family: Family, tmp_path: Path) -> None:
    folder = write_plugin(family, "my_thing", tmp_path)
    words = placeholders(family, "my_thing")
    run(*PIP, "wheel", *OFFLINE, "--wheel-dir", str(tmp_path / "dist"), str(folder))
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    source = folder / "src"
    assert packed == {
        path.relative_to(source).as_posix()
        for path in (source / words["module"]).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.timeout(240)
def test_they_are_discovered_once_they_are_installed_editable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARB_DISABLE_PLUGINS", ",".join(ref.name for ref in installed_plugins()))
    folders = [write_plugin(family, "my_thing", tmp_path) for family in Family]
    site = tmp_path / "site"
    editable = [argument for folder in folders for argument in ("--editable", str(folder))]
    run(*PIP, "install", *OFFLINE, "--target", str(site), *editable)
    arb = f"import site; site.addsitedir({str(site)!r}); from arb.cli import main; main()"
    listed = json.loads(run(sys.executable, "-c", arb, "plugins", "list", "--check", "--json"))

    rows = {row["family"]: row for row in listed["plugins"] if row["name"] == "my_thing"}
    assert {family: (row["status"], row["reason"]) for family, row in rows.items()} == {
        family.value: ("ok", "") for family in Family
    }
    # An exchange's kit is long; tests/cli/test_plugins_check.py runs all of it over a generated one.
    for family in [each for each in Family if each is not Family.EXCHANGES]:
        report = json.loads(run(sys.executable, "-c", arb, "plugins", "check", f"{family}:my_thing", "--json"))
        assert report["failed"] == 0, family
        assert report["passed"] >= 6, family

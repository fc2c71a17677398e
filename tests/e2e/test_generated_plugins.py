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
from arb.kernel import Family

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


@pytest.mark.parametrize("family", list(Family))
def test_it_is_discovered_once_it_is_installed_editable(family: Family, tmp_path: Path) -> None:
    folder = write_plugin(family, "my_thing", tmp_path)
    site = tmp_path / "site"
    run(*PIP, "install", *OFFLINE, "--target", str(site), "--editable", str(folder))
    arb = f"import site; site.addsitedir({str(site)!r}); from arb.cli import main; main()"
    listed = json.loads(run(sys.executable, "-c", arb, "plugins", "list", "--check", "--json"))

    rows = [row for row in listed["plugins"] if row["name"] == "my_thing"]
    assert [(row["family"], row["status"], row["reason"]) for row in rows] == [(family.value, "ok", "")]
    report = json.loads(run(sys.executable, "-c", arb, "plugins", "check", f"{family}:my_thing", "--json"))
    assert report["failed"] == 0
    assert report["passed"] >= 6

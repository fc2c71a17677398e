"""Nothing of one machine or one network is written into the project."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SKIPPED = {".venv", ".git", ".tox", "build", "dist", "__pycache__", ".hypothesis"}
KINDS = {".py", ".md", ".cfg", ".toml", ".ini", ".txt", ".tmpl", ".yaml", ".yml", ".sh", ""}
# Written in two parts, so that this file does not find itself.
FORBIDDEN = re.compile(
    "|".join(
        [
            r"(?<![\w.$}])/(?:wor" + r"k|roo" + r"t|home|Users)/\w",
            r"py" + r"pi\.org",
            r"python" + r"hosted",
            r"index-" + r"url",
        ]
    )
)


def own_files() -> list[Path]:
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and path.suffix in KINDS
        and not SKIPPED.intersection(path.relative_to(ROOT).parts)
        and not any(part.endswith((".egg-info", "_cache")) for part in path.relative_to(ROOT).parts)
    ]


def test_no_file_names_a_path_of_a_machine_or_a_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in own_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if FORBIDDEN.search(line)
    ]

    assert found == []

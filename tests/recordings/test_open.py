from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from arb.api import ConfigError
from arb.recordings import open_recordings

Write = Callable[..., Path]

VENUES = {"timestamp": 1, "venue": "kraken", "coin": "BTC", "funding_rate": 0.1}


def test_a_recording_is_known_by_its_columns_and_other_files_are_named(write: Write, tmp_path: Path) -> None:
    known = write([{**VENUES, "more": 1}], "b.parquet")
    other = write([{"timestamp": 1, "price": 2.0}], "a.parquet")
    (tmp_path / "README.md").write_text("text", encoding="utf-8")
    found, left = open_recordings(tmp_path)
    assert [(one.path, one.rows, one.kind) for one in found] == [
        (known, 1, "settled funding of venues without intervals")
    ]
    assert list(left) == [other]


def test_what_is_no_recording_is_refused_with_what_it_has_and_what_it_lacks(write: Write) -> None:
    path = write([{"timestamp": 1, "price": 2.0}])
    with pytest.raises(ConfigError, match=r"not a known recording.*timestamp, price\n.*interval_hours") as error:
        open_recordings(path)
    assert str(path) in str(error.value)


def test_what_is_not_there_or_is_no_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(ConfigError, match="no such file or folder"):
        open_recordings(tmp_path / "absent")
    with pytest.raises(ConfigError, match=r"no \.parquet file"):
        open_recordings(tmp_path)
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(b"PAR1 not really")
    with pytest.raises(ConfigError, match="cannot be read as Parquet"):
        open_recordings(damaged)


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "file.parquet").write_bytes(b"")
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path\n"
        "from arb.api import ConfigError\n"
        "from arb.recordings import open_recordings\n"
        "try: open_recordings(Path(sys.argv[1]))\n"
        "except ConfigError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "pip install 'arb-core[recordings]'" in done.stdout

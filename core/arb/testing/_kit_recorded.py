"""Recorded data for tests: not every machine has it."""

from __future__ import annotations

from pathlib import Path

import pytest


def recorded_data(path: Path) -> Path:
    """Return a file or folder of recorded data; skips the test, and says so, where it is absent.

    Args:
        path: Below the folder that `ARB_REAL_DATA` names; without the variable each project has a place of its own.
    """
    if not path.exists():
        pytest.skip(f"recorded data is not there: {path} (set ARB_REAL_DATA)")
    return path

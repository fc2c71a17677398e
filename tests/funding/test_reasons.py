from __future__ import annotations

from pathlib import Path

import pytest

from arb.funding import SkipReason

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "economics.md"


@pytest.mark.parametrize("reason", SkipReason)
def test_every_code_is_explained_in_the_documentation(reason: SkipReason) -> None:
    assert f"`{reason}`" in PAGE.read_text(encoding="utf-8")

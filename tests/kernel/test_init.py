from __future__ import annotations

import pytest

import arb.kernel


def test_every_public_name_can_be_imported() -> None:
    for name in arb.kernel.__all__:
        assert getattr(arb.kernel, name).__module__.startswith(("arb.kernel.", "collections.abc", "typing"))


def test_the_public_names_are_sorted_and_complete() -> None:
    assert arb.kernel.__all__ == sorted(arb.kernel._HOMES)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = arb.kernel.nothing

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from arb.kernel._compat import fits, kernel_range

versions = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
bounds = st.tuples(st.sampled_from([">=", "<"]), versions).map("".join)


@given(st.lists(bounds, min_size=1, max_size=3).map(",".join), versions)
def test_the_short_cut_answers_as_packaging_does(range_: str, version: str) -> None:
    assert fits(range_, version) == SpecifierSet(range_).contains(version, prereleases=True)


@pytest.mark.parametrize(
    ("range_", "version", "expected"),
    [
        ("~=0.1", "0.3.0", True),
        ("==0.1.*", "0.1.7", True),
        (">=0.1,!=0.1.3", "0.1.3", False),
        (">=0.1", "0.2.dev1", True),
        ("<0.2", "0.2.dev1", False),
    ],
)
def test_every_other_range_is_left_to_packaging(range_: str, version: str, expected: bool) -> None:
    assert fits(range_, version) is expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], None),
        (["pydantic>=2"], None),
        (["arb-core"], None),
        (["arb-core @ https://example.org/arb.whl"], None),
        (["arb-core-tools>=3"], None),
        (["arb-core>=0.1,<0.2"], ">=0.1,<0.2"),
        (["ARB_core (>=0.1, <0.2)"], ">=0.1,<0.2"),
        (["arb.core[testing] >= 0.1"], ">=0.1"),
        (["arb-core>=0.1", "arb-core<0.2"], ">=0.1,<0.2"),
        (['arb-core[testing]>=9; extra == "test"', "arb-core>=0.1"], ">=0.1"),
        (['arb-core>=0.1; python_version >= "3"'], ">=0.1"),
    ],
)
def test_the_range_is_found_among_the_requirements(lines: list[str], expected: str | None) -> None:
    assert kernel_range(lines, "arb-core") == expected


@pytest.mark.parametrize("range_", ["0.1", ">=", ">=x", "=>1"])
def test_an_unreadable_range_is_an_error(range_: str) -> None:
    with pytest.raises(ValueError, match="Invalid"):
        fits(range_, "0.1")

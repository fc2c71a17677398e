from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from arb.kernel import Family, PluginRef, Status, disabled_names, installed_plugins

Install = Callable[..., str]
BOOM = "raise RuntimeError('imported')"


def find(name: str, disabled: frozenset[str] = frozenset()) -> PluginRef:
    (ref,) = [ref for ref in installed_plugins(disabled=disabled) if ref.name == name]
    return ref


def test_listing_imports_nothing_of_the_plugin(install: Install) -> None:
    module = install("arb-exchange-boom", "boom", BOOM)

    ref = find("boom")

    assert ref == PluginRef(Family.EXCHANGES, "boom", module, "arb-exchange-boom", "1.0", ">=0.1,<0.2")
    assert module not in sys.modules


def test_listing_imports_no_heavy_library() -> None:
    probe = (
        "import sys; from arb.kernel import installed_plugins; installed_plugins(); "
        "print([m for m in ('pydantic', 'stevedore', 'pluggy', 'asyncio', 'importlib.metadata', 'packaging', 'arb.api')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("group", [family.group for family in Family])
def test_every_family_has_a_group(install: Install, group: str) -> None:
    install("arb-any", "any", BOOM, group=group)
    assert find("any").family.group == group


def test_a_group_of_nobody_is_ignored(install: Install) -> None:
    install("arb-odd", "odd", BOOM, group="arb.exchange")
    assert not [ref for ref in installed_plugins() if ref.name == "odd"]


@pytest.mark.parametrize("needs", [">=9", "<0.1", ">=0.2,<0.3"])
def test_a_kernel_out_of_range_is_refused(install: Install, needs: str) -> None:
    install("arb-exchange-old", "old", BOOM, needs=needs)
    ref = find("old")
    assert ref.status is Status.INCOMPATIBLE
    assert ref.reason.startswith(f"arb-exchange-old needs arb-core{needs}; this is ")


@pytest.mark.parametrize("needs", [None, ""])
def test_a_missing_kernel_range_is_refused_not_guessed(install: Install, needs: str | None) -> None:
    install("arb-exchange-free", "free", BOOM, needs=needs)
    ref = find("free")
    assert ref.status is Status.INCOMPATIBLE
    assert "arb-exchange-free does not say which versions of arb-core" in ref.reason


def test_an_unreadable_kernel_range_is_invalid(install: Install) -> None:
    install("arb-exchange-bad", "bad", BOOM, needs="=>banana")
    assert find("bad").status is Status.INVALID


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Bad = x", "not a plugin name"),
        ("a.b = x", "not a plugin name"),
        ("x = ", "must name a module"),
        ("x", "must name a module"),
        ("x = pkg:attr", "must name a module, not 'pkg:attr'"),
        ("x = os.path; import os", "must name a module"),
    ],
)
def test_a_malformed_entry_point_is_invalid(install: Install, line: str, reason: str) -> None:
    install("arb-exchange-bad", "bad", BOOM, entries=f"[arb.exchanges]\n{line}\n")
    (ref,) = [ref for ref in installed_plugins() if ref.dist_name == "arb-exchange-bad"]
    assert ref.status is Status.INVALID
    assert reason in ref.reason


def test_two_owners_of_a_name_conflict_and_both_are_named(install: Install) -> None:
    install("arb-exchange-a", "same", BOOM)
    install("arb-exchange-b", "other", BOOM)
    install("arb-exchange-c", "same", BOOM, version="2.0")

    refs = [ref for ref in installed_plugins() if ref.name == "same"]

    assert [ref.status for ref in refs] == [Status.CONFLICT, Status.CONFLICT]
    assert all("arb-exchange-a 1.0 and arb-exchange-c 2.0" in ref.reason for ref in refs)
    assert find("other").status is Status.OK


def test_one_distribution_offering_a_name_twice_conflicts(install: Install) -> None:
    install("arb-exchange-a", "same", BOOM, entries="[arb.exchanges]\nsame = a\nsame = b\n")
    assert {ref.status for ref in installed_plugins() if ref.name == "same"} == {Status.CONFLICT}


def test_the_same_name_in_two_families_is_no_conflict(install: Install) -> None:
    install("arb-a", "same", BOOM)
    install("arb-b", "same", BOOM, group="arb.storages")
    assert {ref.status for ref in installed_plugins() if ref.name == "same"} == {Status.OK}


def test_plugins_are_disabled_by_name_and_family(install: Install) -> None:
    install("arb-a", "same", BOOM)
    install("arb-b", "same", BOOM, group="arb.storages")
    names = disabled_names({"ARB_DISABLE_PLUGINS": " storages:same, ,nobody "})

    statuses = {ref.family: ref.status for ref in installed_plugins(disabled=names) if ref.name == "same"}

    assert statuses == {Family.STORAGES: Status.DISABLED, Family.EXCHANGES: Status.OK}


def test_no_plugins_disables_all(install: Install) -> None:
    install("arb-a", "one", BOOM)
    ref = find("one", disabled_names({}, no_plugins=True))
    assert (ref.status, ref.reason) == (Status.DISABLED, "switched off by --no-plugins")


def test_the_order_is_that_of_opening_then_names(install: Install) -> None:
    install("arb-a", "zeta", BOOM)
    install("arb-b", "alpha", BOOM)
    install("arb-c", "omega", BOOM, group="arb.storages")
    names = [ref.name for ref in installed_plugins() if ref.dist_name in ("arb-a", "arb-b", "arb-c")]
    assert names == ["omega", "alpha", "zeta"]

"""Rules of style that a linter does not know."""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "core" / "arb", *ROOT.glob("plugins/*/*/src"))
MODULES = sorted(path for source in SOURCES for path in source.rglob("*.py"))
PACKAGES = [path for path in MODULES if path.name == "__init__.py"]
LONGEST = 400
MEDIAN = 150


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_module_is_long_and_most_are_short() -> None:
    sizes = {relative(path): lines(path) for path in MODULES}

    assert {path: size for path, size in sizes.items() if size > LONGEST} == {}
    assert statistics.median(sizes.values()) <= MEDIAN


@pytest.mark.parametrize("package", PACKAGES, ids=relative)
def test_a_package_has_a_docstring_and_a_sorted_complete_all(package: Path) -> None:
    tree = ast.parse(package.read_text(encoding="utf-8"))
    exported = set(_exported(tree))
    listed = _all_of(tree)

    assert ast.get_docstring(tree), "a package says what it is for"
    assert listed == sorted(set(listed))
    assert set(listed) == exported


def test_values_need_the_standard_library_only() -> None:
    allowed = set(sys.stdlib_module_names)
    for path in (ROOT / "core" / "arb" / "model").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name.partition(".")[0] for alias in node.names} <= allowed, relative(path)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                assert (node.module or "").partition(".")[0] in allowed, relative(path)


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/*/*/src/*/plugin.py")), ids=relative)
def test_a_hook_module_imports_nothing_heavy(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}

    assert {each for each in modules if each.partition(".")[0] not in sys.stdlib_module_names} <= {
        "arb.api",
        "arb.model",
    }
    assert any(
        isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["PLUGIN_API"]
        for node in tree.body
    )


def test_tests_mirror_the_source_and_are_no_packages() -> None:
    packages = {path.name for path in (ROOT / "core" / "arb").iterdir() if path.is_dir()}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert folders <= packages | {"repo", "e2e", "independent"}
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def _exported(tree: ast.Module) -> Iterator[str]:
    """Yield what a package defines or imports from its modules for others; what it uses itself is not for them."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            names = {alias.asname or alias.name for alias in node.names}
            yield from (name for name in names - used if not _private(name))
    for statement in tree.body:
        defines = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if defines and not _private(name := getattr(statement, "name", "_")):
            yield name


def _private(name: str) -> bool:
    return name.startswith("_")


def _all_of(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["__all__"]:
            return [str(name) for name in ast.literal_eval(node.value)]
    return []

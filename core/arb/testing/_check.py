"""One run of a conformance kit in this process: `python -m arb.testing._check FOLDER`.

FOLDER holds a test module; each case adds a line of JSON to `report.jsonl` there when it starts and
when it ends, so that a run which is killed still tells where it was.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from . import _kit
from ._kit import SKIP_PREFIX

REPORT_NAME: Final = "report.jsonl"
END: Final = "end"
"""The event of the last line: a report without it is of a process that ended before the kit did."""

_SKIPS: Final = Path(_kit.__file__).resolve()
"""Where the kit skips its cases, and nobody else does."""

_CASE: Final = re.compile(r"test_([a-z]?)(\d{3})_(\w+)")
_LONGEST_REASON: Final = 500
_LETTERS: Final = {
    "arb_exchanges": "X",
    "arb_strategies": "T",
    "arb_price_sources": "P",
    "arb_cache_tiers": "C",
    "arb_storages": "S",
    "arb_extensions": "E",
}


class Reporter:
    """A pytest plugin that writes down what each case does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: dict[str, dict[str, str]] = {}
        self._failed: set[str] = set()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what a kit does not run, such as the cases that need a fake of the venue on the venue itself."""
        chosen = [item for item in items if case_of(item)["case"] in _cases_of(item, case_of(item)["case"])]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen

    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Tell that a case starts."""
        self._names[item.nodeid] = case_of(item)
        self._write({"event": "start", **self._names[item.nodeid]})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell how a case went: once when it failed or was skipped, else when its call passed."""
        if report.passed and report.when != "call":
            return
        if report.nodeid in self._failed:
            return
        outcome, detail = report.outcome, ""
        if report.skipped:
            place, _, detail = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, str(report.longrepr))
            detail = detail.removeprefix("Skipped: ")
            # A plugin that raises pytest's exception itself has skipped nothing: its call has failed.
            if not detail.startswith(SKIP_PREFIX) or Path(place).resolve() != _SKIPS:
                outcome, detail = "failed", f"skipped, though every capability it needs is declared: {detail}"
        if report.failed:
            detail = _reason(report)
            self._failed.add(report.nodeid)
        self._write(
            {"event": outcome, "detail": detail.removeprefix(SKIP_PREFIX), **self._names.get(report.nodeid, {})}
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell why the plugin could not even be imported."""
        if report.failed:
            self._write(
                {"event": "failed", "case": "import", "title": "the plugin can be imported", "detail": _reason(report)}
            )

    def pytest_sessionfinish(self) -> None:
        """Tell that no case is missing."""
        self._write({"event": END})

    def _write(self, line: dict[str, str]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def case_of(item: pytest.Item) -> dict[str, str]:
    """Return number and title of a case: `X-042`, `an order through the market fills`."""
    match = _CASE.match(item.name)
    hook = getattr(getattr(item, "cls", None), "hook", "")
    if match is None:
        return {"case": item.name, "title": item.name, "group": ""}
    letter = match[1].upper() or _LETTERS.get(hook, "K")
    return {"case": f"{letter}-{match[2]}", "title": match[3].replace("_", " "), "group": _group_of(item)}


def _cases_of(item: pytest.Item, case: str) -> frozenset[str]:
    """Return the cases that the item's class runs; without a choice its own."""
    cases = getattr(getattr(item, "cls", None), "cases", None)
    return cases() if cases is not None else frozenset({case})


def _group_of(item: pytest.Item) -> str:
    """Return the group of the class that a case is written in."""
    for each in inspect.getmro(getattr(item, "cls", object)):
        if getattr(item, "originalname", item.name) in vars(each):
            return str(getattr(each, "group", ""))
    return ""


def _reason(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    if crash is None:
        # A failed import: pytest marks the lines of the exception.
        text = "\n".join(line[1:] for line in text.splitlines() if line.startswith("E ")) or text
    return " ".join(text.split())[:_LONGEST_REASON]


def main() -> None:
    """Run the folder's tests with our reporter and no configuration from elsewhere."""
    folder = Path(sys.argv[1])
    arguments = [str(folder), "-q", "-p", "no:cacheprovider", "-c", str(folder / "pytest.ini"), f"--rootdir={folder}"]
    # Nobody reads pytest's own report, and its tracebacks with source cost more than the cases that fail.
    arguments.append("--tb=native")
    # The kit needs pytest alone: plugins of pytest that happen to be installed take seconds and change results.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.exit(pytest.main(arguments, plugins=[Reporter(folder / REPORT_NAME)]))


if __name__ == "__main__":
    main()

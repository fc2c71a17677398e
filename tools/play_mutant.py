"""Run scenarios and seeds in order over a copy of the tree; started by mutants.py, with PYTHONPATH set to the copy.

It prints a line of JSON for each run and ends at the first that breaks an invariant.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import sys
from pathlib import Path

from arb.verification import EVERY_PROFILE, SCENARIOS, Work, play, seeds_work

WRONG_TREE = 70
_COLLECT_EVERY = 16


def main() -> None:
    """Play; leave with WRONG_TREE when another tree than the copy is imported."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--episodes", type=int, required=True)
    parser.add_argument("--no-scenarios", action="store_true")
    parser.add_argument("--scenario", default="", help="which comes before the others")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int)
    given = parser.parse_args()
    for package in (each.name for each in given.folder.iterdir()):
        found = str(importlib.import_module(package).__file__)
        if not found.startswith(str(given.folder)):
            print(f"{package} is imported from {found} and not from the copy {given.folder}", file=sys.stderr)
            raise SystemExit(WRONG_TREE)
    names = [] if given.no_scenarios else sorted(SCENARIOS, key=lambda name: (name != given.scenario, name))
    named = [Work(seed=SCENARIOS[name].setup.seed, scenario=name) for name in names]
    work = [*named, *seeds_work(1, given.episodes, EVERY_PROFILE)]
    last = len(work) if given.count is None else given.first + given.count
    for index, one in list(enumerate(work))[given.first : last]:
        result = play(one)
        row = {
            "index": index,
            "scenarios": len(named),
            "title": f"scenario {one.scenario}" if one.scenario else f"seed {one.seed}",
            "codes": [str(each.code) for each in result.violations],
            "text": result.violations[0].text if result.violations else "",
        }
        print(json.dumps(row), flush=True)
        if result.violations:
            return
        if index % _COLLECT_EVERY == 0:
            gc.collect()  # an episode runs without


if __name__ == "__main__":
    main()

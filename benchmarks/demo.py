"""What the demo takes and brings, seed by seed: real time, hedges, parts of the change of equity.

    python benchmarks/demo.py 1 2 3

Each demo is a process of its own, beside `python -c pass` in the same run.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from decimal import Decimal
from typing import Any, Final

DEMO: Final = (sys.executable, "-c", "from arb.cli import main; main()", "demo", "--no-plot", "--json")
PARTS: Final = ("price", "funding", "fees", "slippage", "fx")


def main() -> None:
    """Print one row a seed."""
    seeds = sys.argv[1:] or ["1", "2", "3"]
    floor = statistics.median(timed((sys.executable, "-c", "pass"))[0] for _ in range(5))
    print(f"python -c pass: {floor:.3f} s")
    print(f"{'seed':>4} {'seconds':>8} {'x pass':>7} {'opened':>6} {'closed':>6} {'change':>9}  parts, USD")
    for seed in seeds:
        seconds, out = timed((*DEMO, "--seed", seed))
        report: dict[str, Any] = json.loads(out)
        parts = "  ".join(f"{part} {Decimal(report['parts'][part]):+.2f}" for part in PARTS)
        change = Decimal(report["equity_change"])
        counts = f"{report['hedges_opened']:>6} {report['hedges_closed']:>6}"
        print(f"{seed:>4} {seconds:>8.1f} {seconds / floor:>7.0f} {counts} {change:>+9.2f}  {parts}")


def timed(command: tuple[str, ...]) -> tuple[float, str]:
    """Return the real time of a process and what it printed."""
    began = time.perf_counter()
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, result.stdout


if __name__ == "__main__":
    main()

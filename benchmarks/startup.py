"""Whole-process times of `arb --help` and `arb plugins list` beside bare Python.

Run it with the interpreter that has arb installed: `.venv/bin/python benchmarks/startup.py`. Twenty
made-up plugin distributions are listed besides those of the environment. The commands alternate, so
that a busy moment of the machine meets all of them; medians are compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LAUNCH = "import sys; from arb.cli import main; main(sys.argv[1:])"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "python -c 'import click'": ["-c", "import click"],
    "arb --help": ["-c", LAUNCH, "--help"],
    "arb plugins list": ["-c", LAUNCH, "plugins", "list"],
}
AIM_MS = 90


def make_plugins(folder: Path, count: int) -> None:
    """Write distributions as pip would, each with one entry point that is never imported."""
    for number in range(count):
        info = folder / f"arb_exchange_made_up_{number}-0.1.0.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: arb-exchange-made-up-{number}\nVersion: 0.1.0\n"
        (info / "METADATA").write_text(f"{metadata}Requires-Dist: arb-core<0.2,>=0.1\n\n{'text ' * 500}\n")
        (info / "entry_points.txt").write_text(f"[arb.exchanges]\nmade-up-{number} = no_such_module_{number}.plugin\n")


def run_ms(arguments: list[str], env: dict[str, str]) -> float:
    """Return the wall time of one process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=env, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--plugins", type=int, default=20)
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        make_plugins(Path(folder), options.plugins)
        env = {**os.environ, "PYTHONPATH": folder}
        for number in range(options.rounds + 2):
            for name, arguments in COMMANDS.items():
                took = run_ms(arguments, env)
                if number >= 2:  # the first two fill the disk cache
                    times[name].append(took)
    floor = statistics.median(times["python -c pass"])
    print(f"{options.rounds} rounds, {options.plugins} made-up plugins, Python {sys.version.split()[0]}")
    print(f"{'command':<26}{'median ms':>10}{'min ms':>8}{'ratio':>7}{'more ms':>9}")
    for name, values in times.items():
        middle = statistics.median(values)
        print(f"{name:<26}{middle:>10.1f}{min(values):>8.1f}{middle / floor:>7.2f}{middle - floor:>9.1f}")
    more = statistics.median(times["arb plugins list"]) - floor
    print(f"`arb plugins list` is {more:.1f} ms above bare Python; the aim is {AIM_MS} ms")


if __name__ == "__main__":
    main()

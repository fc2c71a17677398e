"""Build the wheel of every distribution and fail unless each holds exactly its package.

setuptools also packs whatever an older build left in `build/lib`, and leaves out data files that
no `package_data` names. So each wheel is compared with the source, file by file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def distributions() -> Iterator[tuple[Path, Path]]:
    """Yield each distribution's folder and its source root, the kernel first."""
    yield ROOT, ROOT / "core"
    for config in sorted(ROOT.glob("plugins/*/*/setup.cfg")):
        yield config.parent, config.parent / "src"


def written(source: Path) -> set[str]:
    """Return every file below a source root that a wheel has to hold."""
    return {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.parent.name.endswith(".egg-info")
    }


def packed(folder: Path) -> set[str]:
    """Build a wheel and return its files, metadata left out."""
    with tempfile.TemporaryDirectory() as target:
        command = [sys.executable, "-m", "build", "--wheel", "--outdir", target, str(folder)]
        built = subprocess.run(command, check=False, capture_output=True, text=True)
        if built.returncode:
            raise SystemExit(f"{folder}: the wheel cannot be built\n{built.stdout}{built.stderr}")
        (wheel,) = Path(target).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return {name for name in archive.namelist() if ".dist-info/" not in name and not name.endswith("/")}


def main() -> None:
    """Check each distribution; exit 1 when one differs."""
    failed = False
    for folder, source in distributions():
        have, want = packed(folder), written(source)
        name = folder.relative_to(ROOT).as_posix()
        print(f"{'kernel' if name == '.' else name}: {len(have)} files", "ok" if have == want else "DIFFER")
        for path in sorted(have - want):
            print(f"  only in the wheel (leftover in build/?): {path}")
        for path in sorted(want - have):
            print(f"  only in the source (package_data?): {path}")
        failed = failed or have != want
    raise SystemExit(failed)


if __name__ == "__main__":
    main()

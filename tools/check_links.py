"""Fail when a relative link in a Markdown file leads nowhere. Reads files only, never the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SKIPPED = {".venv", ".tox", ".git", "node_modules", "build", "dist"}

_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)


def documents() -> Iterator[Path]:
    """Yield every Markdown file of the repository."""
    for path in sorted(ROOT.rglob("*.md")):
        if not SKIPPED.intersection(path.relative_to(ROOT).parts):
            yield path


def anchors(text: str) -> set[str]:
    """Return the anchors of headings, as GitHub makes them."""
    names = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(text))
    return set(names)


def problems(path: Path) -> Iterator[str]:
    """Yield one line for each link of a document that leads nowhere."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    for target in _LINK.findall(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        if not linked.exists():
            yield f"{path.relative_to(ROOT)}: {target} does not exist"
        elif anchor and linked.suffix == ".md" and anchor not in anchors(linked.read_text(encoding="utf-8")):
            yield f"{path.relative_to(ROOT)}: {target} has no such heading"


def main() -> None:
    """Print every broken link; exit 1 when there is one."""
    found = [line for path in documents() for line in problems(path)]
    print("\n".join(found) or "every relative link exists")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
